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

    @Test("a run with other options differs in what the options change")
    func otherOptions() throws {
        let golden = try GoldenFile("simulated")
        func failing(_ ours: String, against theirs: String) throws -> [String] {
            let run = try ScreenRun(golden, golden.testCase(ours))
            let comparison = try LayerComparison(golden, golden.testCase(theirs), run)
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
