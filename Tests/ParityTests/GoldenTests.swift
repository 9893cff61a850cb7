import DifferentialExpression
import Testing

@Suite("The golden files")
struct GoldenTests {
    @Test("hold every method, and only options and layers that this project has")
    func cases() throws {
        var count: [AnalysisOptions.Method: Int] = [:]
        for name in GoldenFile.names {
            let golden = try GoldenFile(name)
            for testCase in golden.manifest.cases {
                let options = try golden.options(of: testCase)
                count[options.method, default: 0] += 1
                guard case .text(let method)? = testCase.options["method"] else {
                    Issue.record("\(name)/\(testCase.name) names no method")
                    continue
                }
                let types = golden.manifest.layers[method] ?? [:]
                for layer in options.rowSchema.layers {
                    #expect(types[layer.name] == layer.type.rawValue)
                    let values = try golden.array(layer.name, of: testCase)
                    #expect(values.rows == testCase.perturbations.count)
                    #expect(values.columns == golden.manifest.genes.count)
                }
            }
        }
        #expect(count == [.tTest: 13, .wilcoxon: 15, .nbGLM: 102, .shrinkage: 17])
    }

    @Test("are compared within some bound, with a reason, in every layer")
    func bounds() throws {
        for name in GoldenFile.names {
            let golden = try GoldenFile(name)
            for testCase in golden.manifest.cases {
                let options = try golden.options(of: testCase)
                let bounds = Tolerances(testCase, options)
                for layer in options.rowSchema.layers {
                    #expect(bounds.bound(layer.name) != nil, "\(testCase.name): \(layer.name)")
                }
                #expect(bounds.entries.allSatisfy { !$0.reason.isEmpty })
            }
        }
    }
}
