import DifferentialExpression
import Testing

@Suite("The cached-control NB-GLM gives the numbers of crispyx 0.0.4")
struct CachedParityTests {
    /// Cases whose fold changes are not shrunk afterwards.
    static let cases = GoldenCase.all {
        $0.method == .nbGLM && $0.fitPath == .cached && $0.inlineShrinkage == .none
    }

    @Test("no golden case is lost")
    func caseCount() {
        #expect(Self.cases.count == 33)
    }

    @Test(
        "every layer and every recorded value of the control fit agrees in every case",
        arguments: cases
    )
    func numbers(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try CachedRun($0) }
    }
}
