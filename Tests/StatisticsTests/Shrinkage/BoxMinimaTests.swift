import Statistics
import Testing

/// The functions of `Fixtures/shrinkage/make_cases.py` that are minimised in boxes.
private enum BoxProblems {
    static func value(_ name: String, _ at: [Double]) -> (value: Double, slope: [Double])? {
        switch name {
        case "spheres": spheres(at)
        case "quartic": quartic(at)
        case "falling": falling(at)
        default: nil
        }
    }

    private static func spheres(_ at: [Double]) -> (Double, [Double]) {
        var value = 0.0
        var slope = [Double](repeating: 0, count: at.count)
        for i in at.indices {
            let before = i == 0 ? at.count - 1 : i - 1
            let t = at[i] - 0.5 * at[before] - 1 - Double(i)
            value += Double(i + 1) * t * t
            slope[i] += 2 * Double(i + 1) * t
            slope[before] -= Double(i + 1) * t
        }
        return (value, slope)
    }

    private static func quartic(_ at: [Double]) -> (Double, [Double]) {
        var value = 0.0
        var slope = at.map { $0 * $0 * $0 - 4 * $0 + 0.3 }
        for x in at { value += x * x * x * x / 4 - 2 * x * x + 0.3 * x }
        let t = at[0] - at[at.count - 1]
        slope[0] += t / 4
        slope[at.count - 1] -= t / 4
        return (value + t * t / 8, slope)
    }

    private static func falling(_ at: [Double]) -> (Double, [Double]) {
        let slope = at.indices.map { -Double($0 + 1) }
        return (zip(slope, at).reduce(0) { $0 + $1.0 * $1.1 }, slope)
    }
}

@Suite("The bounded minimiser follows L-BFGS-B's path in boxes of several variables")
struct BoxMinimaTests {
    private func check<Point: SIMD & Sendable>(
        _ name: String,
        _ numbers: [Double],
        _ type: Point.Type
    ) throws where Point.Scalar == Double {
        let count = Int(numbers[0])
        func part(_ index: Int) -> Point {
            var point = Point(repeating: 0)
            for variable in 0..<count { point[variable] = numbers[1 + 4 * index + variable] }
            return point
        }
        // Of the two runs of a problem the second may take four steps only.
        for limit in [100, 4] where limit == 100 || numbers[17] == 4 {
            var outside = 0
            let (lower, upper) = (part(1), part(2))
            let found = BoundedMinimiser<Point>.minimise(
                from: part(0),
                lowerBounds: lower,
                upperBounds: upper,
                limits: MinimiserLimits(iterations: limit, gradient: 1e-8, decrease: 1e-8)
            ) { point in
                if !all((point .>= lower) .& (point .<= upper)) { outside += 1 }
                let at = (0..<count).map { point[$0] }
                guard let (value, slope) = BoxProblems.value(name, at) else {
                    return .init(value: .nan, gradient: point)
                }
                var gradient = Point(repeating: 0)
                for variable in 0..<count { gradient[variable] = slope[variable] }
                return .init(value: value, gradient: gradient)
            }
            #expect(outside == 0)
            guard Double(found.iterations) == numbers[17] else {
                #expect(limit == 100 && numbers[17] == 4 && numbers[18] == 0, "\(name) \(numbers)")
                continue
            }
            let text = "\(name) \(numbers): \(found)"
            #expect(found.converged == (numbers[18] == 1), "\(text)")
            for variable in 0..<count {
                let expected = part(3)[variable]
                #expect((found.point[variable] - expected).magnitude < 1e-9, "\(text)")
            }
        }
    }

    @Test("it ends where SciPy's ends, after as many steps, in any width of lanes")
    func boxes() throws {
        let rows = try hexTable("shrinkage/boxes", columns: 19)
        #expect(rows.count == 28)
        for row in rows {
            if row.numbers[0] == 2 { try check(row.name, row.numbers, SIMD2<Double>.self) }
            try check(row.name, row.numbers, SIMD4<Double>.self)
            try check(row.name, row.numbers, SIMD8<Double>.self)
        }
    }
}
