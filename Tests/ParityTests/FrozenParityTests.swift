import DifferentialExpression
import Foundation
import Testing

/// A golden case as the argument of a test.
struct GoldenCase: CustomTestStringConvertible, Sendable {
    let file: String
    let name: String

    var testDescription: String { "\(file)/\(name)" }

    /// Every case of every data set.
    static let all: [GoldenCase] = GoldenFile.names.flatMap { file in
        let cases = (try? GoldenFile(file))?.manifest.cases ?? []
        return cases.map { GoldenCase(file: file, name: $0.name) }
    }

    func compare() throws -> LayerComparison {
        let golden = try GoldenFile(file)
        let testCase = try golden.testCase(name)
        return try LayerComparison(golden, testCase, ScreenRun(golden, testCase))
    }
}

@Suite("The frozen-control NB-GLM gives the numbers of crispyx 0.0.4")
struct FrozenParityTests {
    @Test("no golden case is lost")
    func caseCount() throws {
        #expect(GoldenCase.all.count == 21)
        for name in GoldenFile.names {
            let layers = try GoldenFile(name).manifest.layers
            let ours = RowSchema.nbGLM.layers.map { ($0.name, $0.type.rawValue) }
            #expect(Dictionary(uniqueKeysWithValues: ours) == layers)
        }
    }

    @Test("every layer agrees in every case", arguments: GoldenCase.all)
    func layers(_ golden: GoldenCase) throws {
        let comparison = try golden.compare()
        #expect(comparison.run.genes == comparison.golden.manifest.genes)
        #expect(comparison.run.rows.count == comparison.testCase.perturbations.count)
        let sizeFactors = try comparison.sizeFactors()
        #expect(sizeFactors.passed, "\(sizeFactors.description)")
        for layer in RowSchema.nbGLM.layers {
            let found = try comparison.layer(layer.name)
            #expect(found.passed, "\(found.description)")
        }
    }

    @Test(
        "every recorded value of the global stage agrees in every case",
        arguments: GoldenCase.all
    )
    func stages(_ golden: GoldenCase) throws {
        let comparison = try golden.compare()
        for name in [
            "control_intercept", "control_dispersion", "control_weight", "control_mean",
            "control_expressing", "mean", "dispersion_moments", "dispersion_trend", "dispersion",
        ] {
            let found = try comparison.stage(name)
            #expect(found.passed, "\(found.description)")
        }
    }
}
