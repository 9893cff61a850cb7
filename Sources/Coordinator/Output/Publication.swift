import AnnData
import DifferentialExpression
import Digests

/// Counts over the tested (perturbation, gene) pairs of a finished result.
struct PairTally: Equatable, Codable, Sendable {
    /// Pairs with a p-value.
    var tested = 0
    /// Tested pairs whose gene has its control mean at the floor `min_mu`.
    var floored = 0
    /// Tested pairs with an adjusted p-value below 0.05.
    var significant = 0
}

/// Turns a complete unpublished result into the published one.
struct Publication {
    let rows: ResultRows
    let schema: RowSchema
    let cache: ControlCache
    let minimumMean: Double
    /// The result whose other layers are carried over, when rows are shrunk.
    var earlier: EarlierRows?

    /// Completes, verifies and saves the file, without giving it its final name yet.
    ///
    /// - Parameters:
    ///   - digests: Digest of each row that has one, from the journal.
    ///   - lost: Perturbations that have no row.
    /// - Returns: Counts over the result.
    /// - Throws: ``RunFailure`` when a row in the file is not the one that was journalled.
    func complete(
        digests: [UInt32: Digest128],
        lost: [LostPerturbation]
    ) throws(RunFailure) -> PairTally {
        let layout = RowLayout(schema: schema)
        var tally = PairTally()
        let floored = (0..<cache.geneCount).map {
            cache.isFloored($0, minimumMean: minimumMean)
        }
        for row in 0..<rows.map.rowCount {
            guard let expected = digests[UInt32(row)] else {
                try markLost(row, lost)
                continue
            }
            try earlier?.result.carry(row: row, into: rows)
            let found = try RunFailure.wrapping { () throws(AnnDataWriteError) in
                try layout.writeGeneLayers(
                    cache,
                    row: row,
                    hasTests: try hasTests(row),
                    into: rows
                )
                try rows.setStatus(row: row, code: earlier?.result.status(row: row) ?? 0)
                return try layout.digest(row: row, of: rows)
            }
            guard found == expected else {
                throw RunFailure(
                    .inputOutput,
                    "\(rows.path): row \(row) is not what was written to it; check the disk, "
                        + "then run again with --resume"
                )
            }
            try count(row, floored, into: &tally)
        }
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try PublishedFile.save(rows.path)
        }
        return tally
    }

    private func markLost(_ row: Int, _ lost: [LostPerturbation]) throws(RunFailure) {
        guard let entry = lost.first(where: { $0.perturbation == row }) else {
            throw RunFailure(.internalError, "row \(row) is neither finished nor given up")
        }
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try rows.fillFailed(row: row)
            try rows.setStatus(row: row, code: entry.kind == .failed ? 1 : 2)
        }
        // What was fitted earlier does not depend on the shrinkage that failed.
        try earlier?.result.carry(row: row, into: rows)
    }

    /// Whether any gene of a row was fitted: a fitted gene has converged or used up its iterations.
    private func hasTests(_ row: Int) throws(AnnDataWriteError) -> Bool {
        for name in ["converged", "iterations"] {
            guard let layer = rows.map.layerIndex(name) else { continue }
            if try rows.read(layer: layer, row: row).contains(where: { $0 != 0 }) { return true }
        }
        return false
    }

    private func count(
        _ row: Int,
        _ floored: [Bool],
        into tally: inout PairTally
    ) throws(RunFailure) {
        guard schema.layers.contains(where: { $0.name == "pvalue" }) else { return }
        let p = try values("pvalue", row)
        let adjusted = try values("pvalue_adj", row)
        for gene in p.indices where !p[gene].isNaN {
            tally.tested += 1
            if floored[gene] { tally.floored += 1 }
            if adjusted[gene] < 0.05 { tally.significant += 1 }
        }
    }

    private func values(_ name: String, _ row: Int) throws(RunFailure) -> [Double] {
        guard let layer = rows.map.layerIndex(name) else {
            throw RunFailure(.internalError, "the result has no layer \(name)")
        }
        let bytes = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try rows.read(layer: layer, row: row)
        }
        var reader = LittleEndianReader(bytes: bytes)
        return reader.doubles(rows.map.geneCount)
    }
}
