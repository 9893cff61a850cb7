import Statistics
import Testing

@Suite("Welch's t-test")
struct WelchTestTests {
    /// `scipy.stats.ttest_ind_from_stats(..., equal_var=False)` of SciPy 1.17.1: statistic and
    /// p-value.
    private static let table:
        [(first: WelchTest.Group, second: WelchTest.Group, t: Double, p: Double)] = [
            (
                .init(cells: 12, mean: 0.5, variance: 0.0625),
                .init(cells: 700, mean: 0.25, variance: 0.25), 3.351111237196428,
                0.005441321157213122
            ),
            (
                .init(cells: 2, mean: 1.5, variance: 2), .init(cells: 3, mean: 1.25, variance: 0.5),
                0.23145502494313785, 0.847232164526648
            ),
            (
                .init(cells: 90, mean: 3, variance: 0.5),
                .init(cells: 40_000, mean: 1, variance: 1.5), 26.742710877001723,
                1.1644273699230113e-44
            ),
            (
                .init(cells: 40, mean: 0.125, variance: 0),
                .init(cells: 50, mean: 0.1875, variance: 0.125), -1.25, 0.21723674023360431
            ),
        ]

    @Test("statistic and p-value are SciPy's where the effect is exact in single precision")
    func table() {
        for row in Self.table {
            let test = WelchTest(control: row.second, perturbed: row.first)
            #expect(isNear(test.statistic, row.t, 1e-15, scale: row.t))
            // SciPy's tail is good to some 1e-9 near the middle.
            #expect(isNear(test.pValue, row.p, 1e-8, scale: row.p))
        }
    }

    @Test("the effect is rounded before it is divided")
    func rounding() {
        let perturbed = WelchTest.Group(cells: 10, mean: 0.7, variance: 0.3)
        let control = WelchTest.Group(cells: 30, mean: 0.1, variance: 0.2)
        let test = WelchTest(control: control, perturbed: perturbed)
        #expect(test.effect == Float(0.7 - 0.1))
        #expect(test.statistic == Double(Float(0.7 - 0.1)) / (0.03 + 0.2 / 30).squareRoot())
        #expect(test.statistic != (0.7 - 0.1) / (0.03 + 0.2 / 30).squareRoot())
    }

    @Test("moments from sums equal those of two passes")
    func moments() {
        var random = SeededGenerator(seed: 51)
        for count in [2, 3, 17, 400] {
            let values = (0..<count).map { _ in random.uniform(-1, 3) }
            let mean = values.reduce(0, +) / Double(count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
            let group = WelchTest.Group(
                cells: Double(count),
                sum: values.reduce(0, +),
                squares: values.reduce(0) { $0 + $1 * $1 }
            )
            #expect(group.mean == mean)
            #expect(isNear(group.variance, variance, 1e-13, scale: variance))
        }
    }

    @Test("one cell has no variance, and rounding makes none negative")
    func degenerate() {
        #expect(WelchTest.Group(cells: 1, sum: 0.3, squares: 0.09).variance == 0)
        #expect(WelchTest.Group(cells: 3, sum: 0.3, squares: 0.029999999).variance == 0)
        let one = WelchTest.Group(cells: 1, sum: 0.3, squares: 0.09)
        let many = WelchTest.Group(cells: 11, mean: 0.1, variance: 0.5)
        // The control's variance alone: 10 degrees of freedom.
        let test = WelchTest(control: many, perturbed: one)
        #expect(isNear(test.degreesOfFreedom, 10, 1e-14, scale: 10))
        #expect(test.standardError == (0.5 / 11).squareRoot())
        let undefined = WelchTest(control: one, perturbed: one)
        #expect(!undefined.isDefined && undefined.degreesOfFreedom == 1e6)
        let flat = WelchTest.Group(cells: 5, mean: 0, variance: 0)
        #expect(!WelchTest(control: flat, perturbed: flat).isDefined)
    }

    @Test("degrees of freedom are those of Welch and Satterthwaite, at least 1")
    func degreesOfFreedom() {
        let first = WelchTest.Group(cells: 4, mean: 0, variance: 8)
        let second = WelchTest.Group(cells: 9, mean: 0, variance: 9)
        // (2 + 1)² / (2²/3 + 1²/8) = 216/35.
        let test = WelchTest(control: second, perturbed: first)
        #expect(isNear(test.degreesOfFreedom, 216.0 / 35, 1e-15, scale: 6))
    }
}

@Suite("Student's t distribution")
struct StudentDistributionTests {
    @Test("with 1 and 2 degrees of freedom it is a closed form")
    func closedForms() {
        for t in [0, 1e-9, 0.3, 1, 4.5, 1e3, 1e9, 1e150] {
            // 1 degree: 1 - 2 atan(t)/π = 2 atan(1/t)/π; far out 2/(π t).
            if t > 1e6 {
                let found = StudentDistribution.twoSidedPValue(t: t, degreesOfFreedom: 1)
                #expect(isNear(found, 2 / (Double.pi * t), 1e-12, scale: found))
            }
            // 2 degrees: 1 - t/√(2 + t²) = 2 / (√(2 + t²) (√(2 + t²) + t)).
            let root = (2 + t * t).squareRoot()
            let two = StudentDistribution.twoSidedPValue(t: -t, degreesOfFreedom: 2)
            let expected = 2 / root / (root + t)
            #expect(isNear(two, expected, 1e-12, scale: expected))
        }
    }

    @Test("nothing is made of nothing")
    func notANumber() {
        #expect(StudentDistribution.twoSidedPValue(t: .nan, degreesOfFreedom: 5).isNaN)
        #expect(StudentDistribution.twoSidedPValue(t: 0, degreesOfFreedom: 5) == 1)
        #expect(StudentDistribution.twoSidedPValue(t: .infinity, degreesOfFreedom: 5) == 0)
    }
}
