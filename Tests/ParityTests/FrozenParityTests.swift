import DifferentialExpression
import Testing

@Suite("The frozen-control NB-GLM gives the numbers of crispyx 0.0.4")
struct FrozenParityTests {
    @Test("no golden case is lost")
    func caseCount() {
        #expect(GoldenCase.of(.nbGLM, path: .frozen).count == 23)
    }

    @Test(
        "every layer and every recorded value of the global stage agrees in every case",
        // A column of size factors is read by the coordinator.
        arguments: GoldenCase.of(.nbGLM, path: .frozen).filter { !$0.name.hasPrefix("frozen/") }
    )
    func numbers(_ golden: GoldenCase) throws {
        try golden.expectAgreement { try FrozenRun($0) }
    }
}
