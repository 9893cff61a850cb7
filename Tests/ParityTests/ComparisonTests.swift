import DifferentialExpression
import Testing

@Suite("The comparison notices differences")
struct ComparisonTests {
    @Test("a value missing on one side is beyond every bound")
    func missing() {
        for bound in [Bound.exact, Bound(absolute: 1e9), Bound(shareBeside: 1)] {
            #expect(bound.excess(.nan, .nan, error: 1) == 0)
            #expect(bound.excess(.infinity, .infinity, error: 1) == 0)
            #expect(bound.excess(.nan, 0, error: 1) == .infinity)
            #expect(bound.excess(0, .nan, error: 1) == .infinity)
            #expect(bound.excess(0, .infinity, error: 1) == .infinity)
        }
    }

    @Test("the parts of a bound add up")
    func parts() {
        let bound = Bound(absolute: 0.5, relative: 0.25, perError: 2)
        #expect(bound.excess(4, 4, error: .nan) == 0)
        #expect(bound.excess(4, 5.5, error: .nan) == 1)
        #expect(bound.excess(-4, -7, error: 0.75) == 1)
        #expect(Bound.exact.excess(1, 1.0.nextUp, error: 1) == .infinity)
        #expect(Bound(shareBeside: 0.1).excess(7, 8, error: .nan) == 0)
        #expect(Bound(shareBeside: 0.1).excess(7, 9, error: .nan) == .infinity)
    }

    @Test("p-values are compared as logarithms down to where doubles end")
    func logarithms() {
        let bound = Bound(absolute: 1e-3, ofLogarithms: true)
        #expect(bound.excess(1e-100, 1.0001e-100, error: .nan) < 1)
        #expect(bound.excess(1e-100, 1.01e-100, error: .nan) > 1)
        #expect(bound.excess(0, 1e-300, error: .nan) == 0)
        #expect(bound.excess(0, -1e-300, error: .nan) == .infinity)
        #expect(bound.excess(0.5, -0.5, error: .nan) == .infinity)
    }

    @Test("no more elements than the share may be one off")
    func share() {
        func compared(_ oneOff: Int) -> Comparison {
            var comparison = Comparison("iterations")
            for element in 0..<1000 {
                comparison.add(
                    5,
                    element < oneOff ? 6 : 5,
                    within: Bound(shareBeside: 0.004),
                    at: ""
                )
            }
            return comparison
        }
        #expect(compared(0).passed && compared(4).passed && !compared(5).passed)
        #expect(!Comparison("nothing").passed)
    }

    @Test("a step of single precision is allowed where the bound says so")
    func singleSteps() {
        let bound = Bound(singleSteps: 1)
        let value = Float(0.3)
        #expect(bound.excess(Double(value), Double(value.nextUp), error: .nan) <= 1)
        #expect(bound.excess(Double(value), Double(value.nextUp.nextUp), error: .nan) > 1)
    }

    @Test("genes with equal statistics may come in either order")
    func order() throws {
        let screen = try GoldenScreen("log1p", "wilcoxon/default")
        let comparison = try LayerComparison(screen, GoldenEcho(screen))
        let expected = try screen.golden.array("order", of: screen.testCase)
        let scores = try screen.golden.array("z_score", of: screen.testCase)
        var rows = (0..<expected.rows).map { expected.row($0).map { Int($0) } }
        #expect(try comparison.order(rows).passed)
        // Two genes that are zero everywhere have the same statistic or none.
        let last = rows[0].count - 1
        #expect(scores.row(0).map(\.magnitude)[rows[0][last]].isNaN)
        rows[0].swapAt(last, last - 1)
        #expect(try comparison.order(rows).passed)
        rows[0].swapAt(0, 1)
        #expect(try !comparison.order(rows).passed)
    }

    @Test(
        "the reference agrees with itself, and a changed value is found",
        arguments: [
            GoldenCase(file: "log1p", name: "t-test/default"),
            GoldenCase(file: "chunks", name: "wilcoxon/default"),
            GoldenCase(file: "counts", name: "cached/map"),
            GoldenCase(file: "counts", name: "design/covariates-apeglm"),
            GoldenCase(file: "counts", name: "design/per-comparison"),
            GoldenCase(file: "counts", name: "shrink/cached-map/full"),
        ]
    )
    func planted(_ golden: GoldenCase) throws {
        let whole = try golden.compare { try GoldenEcho($0) }
        #expect(try whole.everything().allSatisfy(\.passed))
        for layer in whole.screen.options.rowSchema.layers {
            let changed = try golden.compare { try GoldenEcho($0, spoiling: layer.name) }
            let failing = try changed.everything().filter { !$0.passed }.map(\.name)
            #expect(failing == [layer.name])
        }
    }

    @Test("a run with other options differs in what the options change")
    func otherOptions() throws {
        func failing(_ ours: String, against theirs: String) throws -> [String] {
            let run = try FrozenRun(GoldenScreen("simulated", ours))
            let comparison = try LayerComparison(GoldenScreen("simulated", theirs), run)
            return try RowSchema.nbGLM.layers.map(\.name).filter {
                try !comparison.layer($0).passed
            }
        }
        #expect(try failing("default", against: "bonferroni") == ["pvalue_adj"])
        #expect(
            try failing("default", against: "lfc-base-ln")
                == ["X", "logfoldchanges", "logfoldchange_raw", "standard_error"]
        )
        let floor = try failing("min-mu-0.1", against: "max-iter-3")
        #expect(floor.contains("X") && floor.contains("iterations"))
        #expect(floor.contains("converged") && floor.contains("intercept"))
        #expect(try failing("default", against: "default").isEmpty)
    }
}

/// The reference's own layers and stages, one value of one layer changed by a hundredth.
private struct GoldenEcho: MethodRun {
    let screen: GoldenScreen
    let spoiled: String?

    init(_ screen: GoldenScreen, spoiling spoiled: String? = nil) throws {
        self.screen = screen
        self.spoiled = spoiled
    }

    var genes: [String] { screen.expectedGenes }
    var rowCount: Int { screen.testCase.perturbations.count }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        var values = try Array(screen.golden.array(name, of: screen.testCase).row(row))
        // A gene in the middle that is tested, has counts and is not nearly without dispersion.
        if name == spoiled, row == 0 {
            let gene = values.indices.filter { values[$0].isFinite && values[$0] != 0 }.last
            if let gene { values[gene] = values[gene] * 1.01 + 0.01 }
        }
        return values
    }

    func stage(_ name: String) throws -> [Double]? {
        screen.golden.arrayIfPresent("stages/\(name)", of: screen.testCase)?.values
    }
}
