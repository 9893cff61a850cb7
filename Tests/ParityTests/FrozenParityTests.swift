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
        arguments: GoldenCase.all {
            // Medians of ratios over the genes in every cell are not built yet.
            $0.method == .nbGLM && $0.fitPath == .frozen && $0.sizeFactorSource != .deseq2
        }
    )
    func numbers(_ golden: GoldenCase) throws {
        let compared = try golden.expectAgreement { try FrozenRun($0) }
        #expect(
            compared.isSuperset(of: [
                "size_factors", "control_intercept", "control_dispersion", "control_weight",
                "control_mean", "control_expressing", "mean", "dispersion_moments",
            ])
        )
    }
}
