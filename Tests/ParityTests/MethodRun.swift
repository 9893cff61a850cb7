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
