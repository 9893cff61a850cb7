import DifferentialExpression
import Testing

/// A golden case as the argument of a test.
struct GoldenCase: CustomTestStringConvertible, Sendable {
    let file: String
    let name: String

    var testDescription: String { "\(file)/\(name)" }

    /// The cases whose options satisfy a condition, of every data set.
    static func all(where condition: (AnalysisOptions) -> Bool) -> [GoldenCase] {
        GoldenFile.names.flatMap { file -> [GoldenCase] in
            guard let golden = try? GoldenFile(file) else { return [] }
            return golden.manifest.cases.filter { testCase in
                (try? golden.options(of: testCase)).map(condition) ?? false
            }.map { GoldenCase(file: file, name: $0.name) }
        }
    }

    /// The cases of a method, for the GLM of one of its paths.
    static func of(
        _ method: AnalysisOptions.Method,
        path: AnalysisOptions.FitPath? = nil
    ) -> [GoldenCase] {
        all { $0.method == method && (path == nil || $0.fitPath == path) }
    }

    /// Runs the case and prepares its comparison with the reference.
    func compare<Run: MethodRun>(
        _ run: (GoldenScreen) throws -> Run
    ) throws -> LayerComparison<Run> {
        let screen = try GoldenScreen(file, name)
        return try LayerComparison(screen, run(screen))
    }

    /// Runs the case and fails the test for every layer and stage beyond its tolerance.
    ///
    /// Returns the names of what was compared.
    @discardableResult
    func expectAgreement<Run: MethodRun>(
        _ run: (GoldenScreen) throws -> Run
    ) throws -> Set<String> {
        let comparison = try compare(run)
        #expect(comparison.run.genes == comparison.screen.expectedGenes)
        #expect(comparison.run.rowCount == comparison.screen.testCase.perturbations.count)
        let everything = try comparison.everything()
        for found in everything {
            #expect(found.passed, "\(found.description)")
        }
        return Set(everything.map(\.name))
    }
}
