import DifferentialExpression
import Testing

@Suite("The full-design NB-GLM gives the numbers of crispyx 0.0.4")
struct FullDesignParityTests {
    /// Cases whose result is the fit's, without shrinkage of fold changes.
    static let cases = GoldenCase.of(.nbGLM, path: .fullDesign).filter {
        !$0.name.contains("apeglm")
    }

    @Test("no golden case is lost")
    func caseCount() {
        #expect(Self.cases.count == 40)
    }

    @Test("every layer and every recorded stage agrees in every case", arguments: cases)
    func numbers(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try FullDesignRun($0) }
    }
}
