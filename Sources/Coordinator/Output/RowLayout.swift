import AnnData
import DifferentialExpression
import Digests

/// Moves rows between the bytes of the wire and the layers of the result file.
struct RowLayout {
    let schema: RowSchema

    /// Writes every per-pair layer of a row.
    ///
    /// - Parameters:
    ///   - bytes: The layers one after the other, in schema order.
    ///   - row: Position of the perturbation.
    ///   - rows: The result.
    /// - Throws: `AnnDataWriteError` when writing fails.
    func write(_ bytes: [UInt8], row: Int, into rows: ResultRows) throws(AnnDataWriteError) {
        var offset = 0
        for layer in pairLayers(of: rows) {
            let length = rows.map.rowByteCount(layer: layer)
            try Self.write(bytes[offset..<offset + length], layer: layer, row: row, into: rows)
            offset += length
        }
    }

    /// Writes the layers that hold one value per gene into a row.
    ///
    /// - Parameters:
    ///   - cache: Where the values come from.
    ///   - row: Position of the perturbation.
    ///   - hasTests: Whether any gene was tested in the row; without one the published package
    ///     reports no dispersions.
    ///   - rows: The result.
    /// - Throws: `AnnDataWriteError` when writing fails.
    func writeGeneLayers(
        _ cache: ControlCache,
        row: Int,
        hasTests: Bool,
        into rows: ResultRows
    ) throws(AnnDataWriteError) {
        for description in schema.layers where description.scope == .perGene {
            guard let layer = rows.map.layerIndex(description.name) else { continue }
            if !hasTests, description.type == .float64 {
                try rows.fill(layer: layer, row: row, with: .nan)
            } else {
                try Self.write(
                    geneValues(description.name, cache)[...],
                    layer: layer,
                    row: row,
                    into: rows
                )
            }
        }
    }

    /// The digest of a row as it lies in the file, to compare with the one in the journal.
    func digest(row: Int, of rows: ResultRows) throws(AnnDataWriteError) -> Digest128 {
        let digester = Digester()
        for layer in pairLayers(of: rows) {
            let bytes = try rows.read(layer: layer, row: row)
            bytes.withUnsafeBytes { digester.update($0) }
        }
        return digester.finish()
    }

    /// Where the layers of a row lie in the file, in schema order.
    private func pairLayers(of rows: ResultRows) -> [Int] {
        schema.pairLayers.map { layer in
            guard let index = rows.map.layerIndex(layer.name) else {
                preconditionFailure("the result has no layer \(layer.name)")
            }
            return index
        }
    }

    private static func write(
        _ bytes: ArraySlice<UInt8>,
        layer: Int,
        row: Int,
        into rows: ResultRows
    ) throws(AnnDataWriteError) {
        let result = bytes.withUnsafeBytes { bytes -> Result<Void, AnnDataWriteError> in
            do throws(AnnDataWriteError) {
                return .success(try rows.write(layer: layer, row: row, bytes))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func geneValues(_ layer: String, _ cache: ControlCache) -> [UInt8] {
        var bytes: [UInt8] = []
        switch layer {
        case "dispersion", "dispersion_raw": bytes.append(littleEndian: cache[.dispersion])
        case "dispersion_trend": bytes.append(littleEndian: cache[.dispersionTrend])
        case "pts_rest":
            bytes.append(littleEndian: (0..<cache.geneCount).map { cache.controlShare($0) })
        default: preconditionFailure("the schema names a gene layer without values: \(layer)")
        }
        return bytes
    }
}
