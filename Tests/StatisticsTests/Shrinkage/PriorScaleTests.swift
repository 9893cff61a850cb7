import Statistics
import Testing

@Suite("Prior scales and the root finder below them")
struct PriorScaleTests {
    private static func function(_ name: String) -> ((Double) -> Double)? {
        switch name {
        case "cubic": { $0 * $0 * $0 - 2 * $0 - 5 }
        case "flat":
            {
                let t = $0 - 1
                return t * t * t * t * t
            }
        case "ratio": { 3 / (1 + $0) - 0.01 * $0 }
        case "step": { $0 < 0.3 ? -1 : 1 }
        case "positive": { 1 + $0 * $0 }
        default: nil
        }
    }

    @Test("roots are SciPy's to the last digits, and missing where its are")
    func roots() throws {
        let rows = try hexTable("shrinkage/roots", columns: 4)
        #expect(rows.count == 18)
        for row in rows {
            let function = try #require(Self.function(row.name))
            let root = RootFinder.root(
                between: row.numbers[0],
                and: row.numbers[1],
                tolerance: row.numbers[2],
                of: function
            )
            let expected = row.numbers[3]
            #expect((root == nil) == expected.isNaN, "\(row)")
            if let root { #expect((root - expected).magnitude < 1e-13, "\(row) \(root)") }
        }
    }

    @Test("a value that is not a number ends the search")
    func notANumber() {
        #expect(RootFinder.root(between: 0, and: 1, tolerance: 1e-6) { _ in .nan } == nil)
        var calls = 0
        let later = RootFinder.root(between: -1, and: 2, tolerance: 1e-6) { x in
            calls += 1
            return calls > 2 ? .nan : x
        }
        #expect(later == nil)
        #expect(calls == 3)
    }

    /// The pairs of each set of the fixture.
    private func sets() throws -> [(effects: [Double], errors: [Double], scale: Double)] {
        let pairs = try hexTable("shrinkage/pairs", columns: 2)
        return try hexTable("shrinkage/prior_scales", columns: 1).map { name, numbers in
            let rows = pairs.filter { $0.name == name }
            return (rows.map { $0.numbers[0] }, rows.map { $0.numbers[1] }, numbers[0])
        }
    }

    @Test("scales are the reference's, from one list of pairs and from sums of parts")
    func scales() throws {
        let sets = try sets()
        #expect(sets.count == 9)
        for (effects, errors, expected) in sets {
            let whole = PriorScale.estimate(effects: effects, errors: errors)
            #expect((whole - expected).magnitude <= 1e-12 * expected, "\(whole) \(expected)")
            let parts = PriorScale.estimate { variance in
                var sums = PriorScale.Sums()
                for start in stride(from: 0, to: effects.count, by: 7) {
                    let range = start..<min(start + 7, effects.count)
                    sums += PriorScale.Sums(
                        effects: Array(effects[range]),
                        errors: Array(errors[range]),
                        variance: variance
                    )
                }
                return sums
            }
            #expect((parts - expected).magnitude <= 1e-12 * expected)
        }
    }

    @Test("D38: effects of enormous spread get the smallest scale, of large spread the largest")
    func d38() {
        let shape = (0..<60).map { Double($0) / 59 * 3.4 - 1.7 }
        let errors = [Double](repeating: 0.2, count: 60)
        #expect(PriorScale.estimate(effects: shape.map { 15 * $0 }, errors: errors) == 1)
        #expect(PriorScale.estimate(effects: shape.map { 25 * $0 }, errors: errors) == 1e-3)
    }

    @Test("what reads the pairs may fail")
    func failure() {
        struct Unreadable: Error {}
        var calls = 0
        #expect(throws: Unreadable.self) {
            try PriorScale.estimate { variance throws(Unreadable) in
                calls += 1
                if calls > 3 { throw Unreadable() }
                return PriorScale.Sums(effects: [0.5, -1], errors: [0.1, 0.2], variance: variance)
            }
        }
    }
}
