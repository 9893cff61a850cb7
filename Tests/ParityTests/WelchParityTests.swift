import ComputeThreads
import DifferentialExpression
import Testing

/// The t-test of one golden case: from the file to the rows, in one process.
struct WelchRun: MethodRun {
    let genes: [String]
    let cache: ControlCache
    let rows: [PerturbationRow]

    var rowCount: Int { rows.count }

    /// Runs a case the way coordinator and worker do it together.
    init(_ screen: GoldenScreen) throws {
        genes = try screen.geneNames()
        let expression = try screen.expression()
        let frozen = try WelchStage(screen: expression, team: ThreadTeam(threadCount: 2)).run()
        // A worker has only what survives the way through bytes.
        let cache = try ControlCache(bytes: frozen.encoded())
        let analysis = WelchAnalysis(cache: cache, options: screen.options)
        rows = try screen.tested().enumerated().map { index, label in
            try analysis.row(
                perturbation: UInt32(index),
                segments: expression.blocks.segments(ofGroup: screen.group(label))
            )
        }
        self.cache = cache
    }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        if name == "pts_rest" { return genes.indices.map { Double(cache.controlShare($0)) } }
        return try RowSchema.tTest.values(
            ofLayer: name,
            in: rows[row].bytes,
            geneCount: genes.count
        )
    }
}

@Suite("The t-test gives the numbers of crispyx 0.0.4")
struct WelchParityTests {
    @Test("no golden case is lost")
    func caseCount() { #expect(GoldenCase.of(.tTest).count == 13) }

    @Test("every layer agrees in every case", arguments: GoldenCase.of(.tTest))
    func numbers(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try WelchRun($0) }
    }
}
