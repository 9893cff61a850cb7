import Foundation
import Statistics
import Testing

/// Reads `Fixtures/<name>.tsv`: a first line of titles, then a name and hexadecimal numbers.
func hexTable(_ name: String, columns: Int) throws -> [(name: String, numbers: [Double])] {
    let url = Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name).tsv")
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").dropFirst()
    return try lines.enumerated().map { index, line in
        let parts = line.split(separator: "\t")
        let numbers = parts.dropFirst().compactMap { Double($0) }
        guard numbers.count == columns, parts.count == columns + 1 else {
            throw ReferenceTableError.malformed(name, line: index + 2)
        }
        return (String(parts[0]), numbers)
    }
}

/// The functions of `Fixtures/bounded_minimiser/make_minima.py`.
private enum Problems {
    typealias Evaluation = BoundedMinimiser<SIMD2<Double>>.Evaluation

    static let all: [String: @Sendable (SIMD2<Double>) -> Evaluation] = [
        "quadratic": quadratic, "narrow": narrow, "rosenbrock": rosenbrock,
        "himmelblau": himmelblau, "beale": beale, "poles": poles, "bump": bump, "quintic": quintic,
        "dip": dip,
        "falling": falling,
        "lying": lying,
    ]

    static func evaluation(_ value: Double, _ along: Double, _ across: Double) -> Evaluation {
        Evaluation(value: value, gradient: SIMD2(along, across))
    }

    @Sendable static func quadratic(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        let value = (x - 3) * (x - 3) + 10 * (y - 2) * (y - 2) + x * y
        return evaluation(value, 2 * (x - 3) + y, 20 * (y - 2) + x)
    }

    @Sendable static func narrow(_ at: SIMD2<Double>) -> Evaluation {
        let (s, d) = (at[0] + at[1] - 2, at[0] - at[1])
        return evaluation(s * s + 1e6 * d * d, 2 * s + 2e6 * d, 2 * s - 2e6 * d)
    }

    @Sendable static func rosenbrock(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        let t = y - x * x
        return evaluation(
            100 * t * t + (1 - x) * (1 - x),
            -400 * x * t - 2 * (1 - x),
            200 * t
        )
    }

    @Sendable static func himmelblau(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        let (a, b) = (x * x + y - 11, x + y * y - 7)
        return evaluation(a * a + b * b, 4 * x * a + 2 * b, 2 * a + 4 * y * b)
    }

    @Sendable static func beale(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        let a = 1.5 - x + x * y
        let b = 2.25 - x + x * y * y
        let c = 2.625 - x + x * y * y * y
        let along = 2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1)
        let across = 2 * a * x + 4 * b * x * y + 6 * c * x * y * y
        return evaluation(a * a + b * b + c * c, along, across)
    }

    @Sendable static func poles(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        return evaluation(1 / x + x + 2 / y + 3 * y, 1 - 1 / (x * x), 3 - 2 / (y * y))
    }

    @Sendable static func bump(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        let (q, t) = (x * x + 2, x - y)
        return evaluation(-x / q + t * t / 100, (x * x - 2) / (q * q) + t / 50, -t / 50)
    }

    @Sendable static func quintic(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0] + 0.004, at[1])
        let c = x * x * x
        return evaluation(c * x * (x - 2) + (y - 1) * (y - 1), 5 * c * x - 8 * c, 2 * (y - 1))
    }

    @Sendable static func dip(_ at: SIMD2<Double>) -> Evaluation {
        let (x, y) = (at[0], at[1])
        let value = -x + 1.4985 * x * x - 0.499 * x * x * x + y * y
        return evaluation(value, -1 + 2.997 * x - 1.497 * x * x, 2 * y)
    }

    @Sendable static func falling(_ at: SIMD2<Double>) -> Evaluation {
        evaluation(-at[0] - 2 * at[1], -1, -2)
    }

    @Sendable static func lying(_ at: SIMD2<Double>) -> Evaluation {
        evaluation((at * at).sum(), -2 * at[0], -2 * at[1])
    }
}

@Suite("The bounded minimiser follows the path of L-BFGS-B")
struct BoundedMinimiserTests {
    @Test("it ends where SciPy's ends, after as many steps")
    func problems() throws {
        let rows = try hexTable("bounded_minimiser/minima", columns: 8)
        #expect(rows.count == 33)
        for row in rows {
            let evaluate = try #require(Problems.all[row.name])
            let numbers = row.numbers
            let found = BoundedMinimiser.minimise(
                from: SIMD2(numbers[0], numbers[1]),
                lowerBounds: SIMD2(numbers[2], numbers[3]),
                evaluate: evaluate
            )
            let expected = SIMD2(numbers[4], numbers[5])
            let text = "\(row.name) from \(numbers[0...3]): \(found), expected \(expected)"
            #expect(found.converged == (numbers[7] == 1), "\(text)")
            #expect(found.iterations == Int(numbers[6]), "\(text)")
            // The path magnifies the last digits.
            let difference = ((found.point - expected) / expected).replacing(
                with: 0,
                where: found.point .== expected
            )
            #expect(max(difference[0].magnitude, difference[1].magnitude) < 1e-9, "\(text)")
            #expect(found.value == evaluate(found.point).value, "\(text)")
        }
    }

    @Test("only points within the bounds are evaluated")
    func bounds() throws {
        for row in try hexTable("bounded_minimiser/minima", columns: 8) {
            let evaluate = try #require(Problems.all[row.name])
            let lower = SIMD2(row.numbers[2], row.numbers[3])
            var outside = 0
            var calls = 0
            let found = BoundedMinimiser.minimise(
                from: SIMD2(row.numbers[0], row.numbers[1]),
                lowerBounds: lower
            ) { point in
                calls += 1
                if !all(point .>= lower) { outside += 1 }
                return evaluate(point)
            }
            #expect(outside == 0, "\(row.name)")
            #expect(calls == found.evaluations, "\(row.name)")
        }
    }

    @Test("a bound that is reached is met exactly")
    func exactBounds() {
        // A step to 0.1 or 0.3 has a rounding error unless the bound itself is taken.
        let lower = SIMD2(0.1, 0.3)
        for start in 1...200 {
            let found = BoundedMinimiser.minimise(
                from: lower + SIMD2(0.37, 0.53) * Double(start),
                lowerBounds: lower
            ) {
                .init(value: ($0 * $0).sum(), gradient: 2 * $0)
            }
            #expect(found.point == lower, "start \(start)")
            #expect(found.converged)
        }
    }

    @Test("a function that is not a number ends without convergence")
    func notANumber() {
        let everywhere = BoundedMinimiser.minimise(from: SIMD2(1, 1), lowerBounds: SIMD2(0, 0)) {
            _ in .init(value: .nan, gradient: SIMD2(.nan, .nan))
        }
        #expect(!everywhere.converged)
        #expect(everywhere.point == SIMD2(1, 1))
        for gradient in [SIMD2(.nan, 0), SIMD2(0, .nan), SIMD2(Double.nan, 1)] {
            let partly = BoundedMinimiser.minimise(from: SIMD2(1, 1), lowerBounds: SIMD2(0, 0)) {
                _ in .init(value: 1, gradient: gradient)
            }
            #expect(!partly.converged)
        }
        // NaN only away from the start: the search retreats, then gives up.
        let nearby = BoundedMinimiser.minimise(from: SIMD2(1, 1), lowerBounds: SIMD2(0, 0)) {
            $0 == SIMD2(1, 1)
                ? .init(value: 1, gradient: SIMD2(1, 1))
                : .init(value: .nan, gradient: SIMD2(.nan, .nan))
        }
        #expect(!nearby.converged)
        #expect(nearby.point == SIMD2(1, 1))
        #expect(nearby.value == 1)
    }

    @Test("the same bits come out every time")
    func determinism() {
        let runs = (0..<3).map { _ in
            BoundedMinimiser.minimise(
                from: SIMD2(-1.2, 1),
                lowerBounds: SIMD2(-10, -10),
                evaluate: Problems.rosenbrock
            )
        }
        #expect(runs[0] == runs[1])
        #expect(runs[1] == runs[2])
        #expect(runs[0].iterations == 36)
    }
}
