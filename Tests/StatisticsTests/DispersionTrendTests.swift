import Foundation
import Statistics
import Testing

/// One data set of `Fixtures/dispersion_trend` with what the reference made of it.
private struct TrendCase {
    let name: String
    var means: [Double] = []
    var dispersions: [Double] = []
    var trend: [Double] = []
    /// a0 and a1 after each successful round.
    var rounds: [SIMD2<Double>] = []
    /// Whether the reference's last round failed.
    var lastRoundFailed = false
    /// The lowest minimum of the first round's loss, where the reference ends in another one.
    var lowestMinimum: SIMD2<Double>?

    init(name: String) {
        self.name = name
    }

    /// The loss of the first round.
    func loss(_ coefficients: SIMD2<Double>) -> Double {
        var sum = 0.0
        var count = 0.0
        for (mean, dispersion) in zip(means, dispersions) where mean > 0 && dispersion > 0 {
            let fitted = max(coefficients[0] + coefficients[1] / mean, 1e-10)
            sum += dispersion / fitted + log(fitted)
            count += 1
        }
        return sum / count
    }

    static func all() throws -> [TrendCase] {
        var cases: [String: TrendCase] = [:]
        for (name, numbers) in try hexTable("dispersion_trend/genes", columns: 3) {
            cases[name, default: TrendCase(name: name)].means.append(numbers[0])
            cases[name]?.dispersions.append(numbers[1])
            cases[name]?.trend.append(numbers[2])
        }
        for (name, numbers) in try hexTable("dispersion_trend/rounds", columns: 3) {
            if numbers[2] == 1 {
                cases[name]?.rounds.append(SIMD2(numbers[0], numbers[1]))
            } else {
                cases[name]?.lastRoundFailed = true
            }
        }
        for (name, numbers) in try hexTable("dispersion_trend/lowest_minima", columns: 2) {
            cases[name]?.lowestMinimum = SIMD2(numbers[0], numbers[1])
        }
        return cases.values.sorted { $0.name < $1.name }
    }
}

/// The largest relative difference between two lists; infinite when one is NaN or longer.
private func worstRelativeDifference(_ found: [Double], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) { worst, pair in
        let difference = ((pair.0 - pair.1) / pair.1).magnitude
        return difference.isNaN ? .infinity : max(worst, difference)
    }
}

@Suite("The dispersion trend is the reference's")
struct DispersionTrendTests {
    /// Only the last digits of sums and logarithms differ; they grow on the minimiser's path.
    private static let tolerance = 1e-11

    @Test("every round and the trend of every gene agree to 1e-11")
    func rounds() throws {
        let cases = try TrendCase.all()
        #expect(cases.count == 21)
        for one in cases {
            let trend = DispersionTrend(means: one.means, dispersions: one.dispersions)
            #expect(!one.lastRoundFailed, "\(one.name)")
            #expect(trend.rounds == one.rounds.count, "\(one.name)")
            let values = one.means.map { trend.value(atMean: $0) }
            let worst = worstRelativeDifference(values, one.trend)
            #expect(worst <= Self.tolerance, "\(one.name): trend off by \(worst)")
            for (index, expected) in one.rounds.enumerated() {
                let partial = DispersionTrend(
                    means: one.means,
                    dispersions: one.dispersions,
                    roundLimit: index + 1
                )
                let worst = worstRelativeDifference(
                    [partial.asymptote, partial.slope],
                    [expected[0], expected[1]]
                )
                #expect(worst <= Self.tolerance, "\(one.name): round \(index) off by \(worst)")
            }
        }
    }

    @Test("a minimum that is not the lowest is the one taken where the path leads there")
    func otherMinima() throws {
        let cases = try TrendCase.all().filter { $0.lowestMinimum != nil }
        #expect(cases.count == 12)
        for one in cases {
            let lowest = try #require(one.lowestMinimum)
            let trend = DispersionTrend(
                means: one.means,
                dispersions: one.dispersions,
                roundLimit: 1
            )
            let found = one.loss(SIMD2(trend.asymptote, trend.slope))
            #expect(found > one.loss(lowest) + 1e-3, "\(one.name)")
        }
        // Both kinds occur: the lowest minimum may be the one at the bound, or the one inside.
        #expect(Set(cases.map { ($0.lowestMinimum?[1] ?? 0) < 1e-10 }).count == 2)
    }

    @Test("fewer than three usable genes give their median, none give 0.1")
    func fewGenes() {
        let none = DispersionTrend(
            means: [0, .nan, 1, -1, .infinity, 2],
            dispersions: [1, 1, .nan, 1, 1, 0]
        )
        #expect((none.asymptote, none.slope, none.rounds) == (0.1, 0, 0))
        #expect(none.value(atMean: 3) == 0.1)
        #expect(DispersionTrend(means: [], dispersions: []) == none)
        let one = DispersionTrend(means: [2, 0], dispersions: [0.7, 5])
        #expect((one.asymptote, one.slope, one.rounds) == (0.7, 0, 0))
        let two = DispersionTrend(means: [2, .nan, 4], dispersions: [0.5, 9, 0.25])
        #expect((two.asymptote, two.slope, two.rounds) == (0.375, 0, 0))
        #expect(two.value(atMean: 0) == 0.375)
    }

    @Test("genes without a finite positive mean and dispersion change nothing")
    func unusableGenes() throws {
        let one = try #require(try TrendCase.all().first { $0.name == "pbmc68k-default" })
        let alone = DispersionTrend(means: one.means, dispersions: one.dispersions)
        var means = one.means
        var dispersions = one.dispersions
        for (place, gene) in [
            (0, (0.0, 1.0)), (3, (.nan, 1)), (17, (1, .nan)), (200, (-1, 1)), (200, (1, -1)),
            (300, (.infinity, 1)), (400, (1, .infinity)), (500, (1, 0)),
        ] {
            means.insert(gene.0, at: place)
            dispersions.insert(gene.1, at: place)
        }
        #expect(DispersionTrend(means: means, dispersions: dispersions) == alone)
    }

    @Test("outliers are set aside unless fewer than three genes would remain")
    func outliers() {
        // Genes on the trend 0.2 + 1/x, and one of 10 where that is 0.22.
        let means = (1...100).map { Double($0) }
        let dispersions = means.map { 0.2 + 1 / $0 }
        let without = DispersionTrend(means: means, dispersions: dispersions)
        let with = DispersionTrend(means: means + [50], dispersions: dispersions + [10])
        let first = DispersionTrend(
            means: means + [50],
            dispersions: dispersions + [10],
            roundLimit: 1
        )
        #expect(first.value(atMean: 50) > 1.2 * without.value(atMean: 50))
        #expect((with.value(atMean: 50) / without.value(atMean: 50) - 1).magnitude < 1e-3)
        #expect(with.rounds >= 2)

        // The last gene is 14.6 or 15.4, 1.2e-4 or 8e-5 times as high as the first round's trend.
        for (dispersion, isOutlier) in [(7.4, false), (7.8, true), (6e-5, false), (4e-5, true)] {
            let means = (1...1000).map { Double($0) }
            let trend = DispersionTrend(
                means: means + [1000],
                dispersions: means.map { 0.499 + 1 / $0 } + [dispersion]
            )
            let distance = (trend.value(atMean: 1000) - 0.5).magnitude
            #expect((distance < 1e-4) == isOutlier, "\(dispersion): \(distance)")
        }

        // All of three genes lie far apart: none is set aside and the fit ends at once.
        let three = DispersionTrend(means: [1, 1, 1], dispersions: [1e-8, 1e-8, 10])
        #expect(three.rounds == 1)
        #expect((three.value(atMean: 1) - 10.0 / 3).magnitude < 1e-3)
    }

    @Test("the trend is at least 1e-8, flat below a mean of 1e-8 and NaN at NaN")
    func limits() {
        let genes = (1...50).map { Double($0) }
        let tiny = DispersionTrend(means: genes, dispersions: genes.map { _ in 1e-12 })
        #expect(tiny.value(atMean: 1e9) == 1e-8)
        let usual = DispersionTrend(means: genes, dispersions: genes.map { 0.2 + 1 / $0 })
        #expect((usual.asymptote - 0.2).magnitude < 1e-3)
        #expect((usual.slope - 1).magnitude < 1e-2)
        #expect(usual.value(atMean: 0) == usual.value(atMean: 1e-8))
        #expect(usual.value(atMean: 0) == usual.asymptote + usual.slope / 1e-8)
        #expect(usual.value(atMean: .infinity) == usual.asymptote)
        #expect(usual.value(atMean: .nan).isNaN)
    }

    @Test("a fit that fails leaves the coefficients of the round before")
    func failedFit() {
        // The reciprocal of the least mean is infinite, and so is every loss.
        let means = [Double.leastNonzeroMagnitude, 1, 2, 3]
        let failed = DispersionTrend(means: means, dispersions: [1, 1, 1, 1])
        #expect((failed.asymptote, failed.slope, failed.rounds) == (1, 1, 0))
    }
}
