import DifferentialExpression
import Foundation
import Statistics
import Testing

@Suite("The low-expression filter")
struct ExpressionFilterTests {
    private func filter(
        _ shareControl: Double,
        _ sharePerturbed: Double,
        _ meanControl: Double,
        _ meanPerturbed: Double,
        cells: Int = 0
    ) -> ExpressionFilter {
        var filter = ExpressionFilter()
        filter.minimumShareControl = shareControl
        filter.minimumSharePerturbed = sharePerturbed
        filter.minimumMeanControl = meanControl
        filter.minimumMeanPerturbed = meanPerturbed
        filter.minimumCellsExpressed = cells
        return filter
    }

    private typealias Side = (expressing: Int, mean: Double)

    private func admits(_ filter: ExpressionFilter, _ control: Side, _ perturbed: Side) -> Bool {
        filter.admits(
            control: .init(expressing: control.expressing, mean: control.mean, cells: 100),
            perturbed: .init(expressing: perturbed.expressing, mean: perturbed.mean, cells: 20)
        )
    }

    @Test("the published thresholds are the default")
    func defaults() {
        #expect(ExpressionFilter() == filter(0.01, 0.002, 0.05, 0.005))
    }

    @Test("a gene is dropped only if it is below all four thresholds")
    func table() {
        let filter = filter(0.1, 0.5, 0.3, 0.4)
        for control: Side in [(9, 0.2), (10, 0.2), (9, 0.3), (10, 0.3)] {
            for perturbed: Side in [(9, 0.3), (10, 0.3), (9, 0.4), (10, 0.4)] {
                let isLow = control == (9, 0.2) && perturbed == (9, 0.3)
                #expect(admits(filter, control, perturbed) == !isLow)
            }
        }
    }

    @Test("a value equal to its threshold is not below it")
    func boundaries() {
        let filter = filter(0.1, 0.5, 0.3, 0.4)
        #expect(!admits(filter, (9, 0.3.nextDown), (9, 0.4.nextDown)))
        #expect(admits(filter, (9, 0.3), (9, 0.4.nextDown)))
        #expect(admits(filter, (9, 0.3.nextDown), (9, 0.4)))
        #expect(admits(filter, (10, 0), (0, 0)))
        #expect(admits(filter, (0, 0), (10, 0)))
    }

    @Test("it is off when no threshold is above 0, and only then")
    func off() {
        #expect(admits(filter(0, 0, 0, 0), (0, 0), (0, 0)))
        #expect(admits(filter(-1, 0, -0.5, 0), (0, 0), (0, 0)))
        // One threshold of 0 is never undercut, so that the gene stays.
        #expect(admits(filter(0.1, 0.1, 0, 0.1), (0, 0), (0, 0)))
        #expect(!admits(filter(0.1, 0.1, 1e-300, 0.1), (0, 0), (0, 0)))
    }

    @Test("it is off for an empty group")
    func emptyGroup() {
        let filter = filter(0.1, 0.5, 0.3, 0.4)
        let low = ExpressionFilter.Expression(expressing: 0, mean: 0, cells: 50)
        let empty = ExpressionFilter.Expression(expressing: 0, mean: 0, cells: 0)
        #expect(!filter.admits(control: low, perturbed: low))
        #expect(filter.admits(control: empty, perturbed: low))
        #expect(filter.admits(control: low, perturbed: empty))
    }

    @Test("the number of expressing cells counts both groups, filter on or off")
    func cells() {
        for thresholds in [0.0, 0.001] {
            let filter = filter(thresholds, thresholds, thresholds, thresholds, cells: 30)
            #expect(admits(filter, (20, 1), (10, 1)))
            #expect(!admits(filter, (20, 1), (9, 1)))
        }
    }
}

@Suite("The row schema")
struct RowSchemaTests {
    private let schema = RowSchema.nbGLM

    @Test("a row has 10 doubles and 3 singles a gene")
    func sizes() {
        #expect(schema.layers.count == 17)
        #expect(schema.pairLayers.count == 13)
        #expect(schema.rowByteCount(geneCount: 1) == 92)
        #expect(schema.rowByteCount(geneCount: 0) == 0)
        #expect(schema.rowByteCount(geneCount: 8000) == 736_000)
        #expect(RowSchema.ElementType.float32.byteCount == 4)
        #expect(RowSchema.ElementType.float64.byteCount == 8)
    }

    @Test("the layers' ranges follow each other without gaps")
    func ranges() {
        var end = 0
        for layer in schema.pairLayers {
            let range = schema.byteRange(ofPairLayer: layer.name, geneCount: 11)
            #expect(range == end..<end + 11 * layer.type.byteCount)
            end = range?.upperBound ?? -1
        }
        #expect(end == schema.rowByteCount(geneCount: 11))
    }

    @Test("layers of a whole gene and unknown ones are not in a row")
    func absent() {
        for layer in schema.layers where layer.scope == .perGene {
            #expect(schema.byteRange(ofPairLayer: layer.name, geneCount: 3) == nil)
        }
        #expect(schema.byteRange(ofPairLayer: "nothing", geneCount: 3) == nil)
        #expect(Set(schema.layers.map(\.name)).count == schema.layers.count)
    }

    @Test("a row of the analysis has the schema's size")
    func rows() throws {
        let run = try SampleRun(SampleScreen(sizes: [20, 5], geneCount: 9, seed: 62).screen())
        #expect(run.rows[1]?.bytes.count == schema.rowByteCount(geneCount: 9))
        #expect(run.rows[1]?.perturbation == 1)
    }
}

@Suite("The options of an analysis")
struct AnalysisOptionsTests {
    @Test("survive the way through JSON")
    func roundTrip() throws {
        var options = SampleScreen.options
        options.minimumMean = 0.1
        options.correction = .bonferroni
        options.foldChangeBase = .ln
        options.filter.minimumCellsExpressed = 7
        options.sizeFactorSource = .user
        let bytes = try JSONEncoder().encode(options)
        #expect(try JSONDecoder().decode(AnalysisOptions.self, from: bytes) == options)
        #expect(options != SampleScreen.options)
    }

    @Test("start as the published package's")
    func defaults() {
        let options = SampleScreen.options
        #expect(options.minimumMean == 0.5 && options.maximumIterations == 25)
        #expect(options.tolerance == 1e-6 && options.scaleSizeFactors)
        #expect(options.correction == .benjaminiHochberg && options.foldChangeBase == .log2)
        #expect(options.sizeFactorSource == .sparse && options.compatibility == "crispyx-0.0.4")
    }
}
