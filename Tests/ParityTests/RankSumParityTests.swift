import ComputeThreads
import DifferentialExpression
import Testing

/// Wilcoxon's test of one golden case: from the file to the rows, in one process.
struct RankSumRun: MethodRun {
    let genes: [String]
    let rows: [PerturbationRow]

    var rowCount: Int { rows.count }

    /// Runs a case the way coordinator and worker do it together.
    init(_ screen: GoldenScreen) throws {
        let genes = try screen.geneNames()
        let expression = try screen.expression()
        let tested = try screen.tested()
        let frozen = try RankSumStage(
            screen: expression,
            options: screen.options,
            team: ThreadTeam(threadCount: 2)
        ).run(tested: tested.map { try screen.group($0) })
        // A worker has only what survives the way through bytes.
        let analysis = RankSumAnalysis(
            cache: try ControlCache(bytes: frozen.encoded()),
            options: screen.options
        )
        let control = try expression.blocks.segments(ofGroup: expression.controlGroup)
        let cut = genes.count / 3
        let tiles = [cut..<genes.count, 0..<cut].map {
            analysis.makeTile(genes: $0, segments: control)
        }
        rows = try tested.enumerated().map { index, label in
            let fit = analysis.begin(
                perturbation: UInt32(index),
                segments: try expression.blocks.segments(ofGroup: screen.group(label))
            )
            for tile in tiles { fit.visit(genes: tile.genes, of: tile) }
            guard let row = fit.endPhase() else { throw GoldenError.missing("row \(index)") }
            return row
        }
        self.genes = genes
    }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        try RowSchema.wilcoxon.values(
            ofLayer: name,
            in: rows[row].bytes,
            geneCount: genes.count
        )
    }
}

@Suite("Wilcoxon's test gives the numbers of crispyx 0.0.4")
struct RankSumParityTests {
    @Test("no golden case is lost")
    func caseCount() { #expect(GoldenCase.of(.wilcoxon).count == 15) }

    @Test("every layer agrees in every case", arguments: GoldenCase.of(.wilcoxon))
    func numbers(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try RankSumRun($0) }
    }
}
