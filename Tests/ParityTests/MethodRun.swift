import DifferentialExpression

/// What this project computed for one golden case.
protocol MethodRun {
    /// Names of the columns.
    var genes: [String] { get }
    /// Number of rows.
    var rowCount: Int { get }
    /// Size factors of the cells of the file, where the method has them.
    var sizeFactors: [Double]? { get }

    /// The values of a layer in one row, by gene.
    func values(ofLayer name: String, row: Int) throws -> [Double]

    /// An intermediate result, shaped as the README of the fixtures says; nil when the run does not
    /// show it.
    func stage(_ name: String) throws -> [Double]?
}

extension MethodRun {
    var sizeFactors: [Double]? { nil }

    func stage(_ name: String) throws -> [Double]? { nil }
}

extension RowSchema {
    /// The values of a per-pair layer in the bytes of a row, as doubles.
    func values(ofLayer name: String, in bytes: [UInt8], geneCount: Int) throws -> [Double] {
        guard let layer = pairLayers.first(where: { $0.name == name }),
            let range = byteRange(ofPairLayer: name, geneCount: geneCount)
        else { throw GoldenError.missing(name) }
        return bytes[range].withUnsafeBytes { bytes in
            (0..<geneCount).map { gene in
                switch layer.type {
                case .float32:
                    Double(bytes.loadUnaligned(fromByteOffset: 4 * gene, as: Float.self))
                case .float64: bytes.loadUnaligned(fromByteOffset: 8 * gene, as: Double.self)
                }
            }
        }
    }
}

/// A run of the GLM whose dispersions are the same in every row, as the workers leave it: layers of
/// genes are filled in when it is published.
protocol SharedDispersionRun: MethodRun {
    var schema: RowSchema { get }
    var cache: ControlCache { get }
    var rows: [PerturbationRow] { get }
}

extension SharedDispersionRun {
    var rowCount: Int { rows.count }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        guard let layer = schema.layers.first(where: { $0.name == name }) else {
            throw GoldenError.missing(name)
        }
        let bytes = rows[row].bytes
        if layer.scope == .perPair {
            return try schema.values(ofLayer: name, in: bytes, geneCount: genes.count)
        }
        if name == "pts_rest" { return genes.indices.map { Double(cache.controlShare($0)) } }
        // The reference reports no dispersion for a perturbation without a tested gene; the
        // coordinator takes these layers out of such rows when it publishes.
        let isTested = try ["iterations", "converged"].contains { flag in
            try schema.values(ofLayer: flag, in: bytes, geneCount: genes.count).contains { $0 > 0 }
        }
        guard isTested else { return [Double](repeating: .nan, count: genes.count) }
        return name == "dispersion_trend" ? cache[.dispersionTrend] : cache[.dispersion]
    }
}
