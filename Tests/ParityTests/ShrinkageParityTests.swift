import DifferentialExpression
import Testing

@Suite("Shrinkage gives the numbers of crispyx 0.0.4")
struct ShrinkageParityTests {
    @Test("no golden case is lost")
    func caseCount() {
        #expect(GoldenCase.of(.shrinkage).count == 17)
        #expect(Self.cachedCases.count == 3)
        #expect(Self.designCases.count == 3)
    }

    @Test(
        "every layer and every prior scale of a shrunken result",
        arguments: GoldenCase.of(.shrinkage)
    )
    func results(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try ShrinkageRun($0) }
    }

    static let cachedCases = GoldenCase.all {
        $0.method == .nbGLM && $0.fitPath == .cached && $0.inlineShrinkage == .apeglm
    }

    @Test("every layer of fits whose effects are shrunk at once", arguments: cachedCases)
    func inline(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try CachedRun($0) }
    }

    static let designCases = GoldenCase.all {
        $0.method == .nbGLM && $0.fitPath == .fullDesign && $0.inlineShrinkage == .apeglm
    }

    @Test(
        "every layer of full-design fits whose effects are shrunk at once",
        arguments: designCases
    )
    func design(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try FullDesignRun($0) }
    }

    @Test("D16: genes that were not tested get an effect and an error all the same")
    func d16() throws {
        let golden = try #require(Self.cachedCases.first { $0.name == "cached/apeglm" })
        let comparison = try golden.compare { try CachedRun($0) }
        let pValues = try comparison.run.values(ofLayer: "pvalue", row: 0)
        let effects = try comparison.run.values(ofLayer: "logfoldchanges", row: 0)
        let errors = try comparison.run.values(ofLayer: "standard_error_ln", row: 0)
        let untested = pValues.indices.filter { pValues[$0].isNaN }
        #expect(!untested.isEmpty)
        #expect(untested.allSatisfy { effects[$0].isFinite && errors[$0] > 0 })
        let raw = try comparison.run.values(ofLayer: "logfoldchange_raw_ln", row: 0)
        #expect(untested.allSatisfy { raw[$0].isNaN })
    }
}
