import Foundation
import Statistics
import Testing

@Suite("Posterior modes of effects are the reference's")
struct PosteriorTests {
    private func shrunken(_ fixture: ShrinkageFixture, _ row: PosteriorCase) -> ShrunkenEffect {
        let control = fixture.group(perturbed: false)
        let perturbed = fixture.group(perturbed: true)
        let shrinkage = TwoGroupShrinkage(
            control: control.part,
            perturbed: perturbed.part,
            priorScale: row.scale,
            minimumMean: row.floor
        )
        // Anything may be left there.
        var scratch = shrinkage.makeScratch().map { _ in 7.0 }
        return control.counts.withGene(row.gene) { controlGene in
            perturbed.counts.withGene(row.gene) { ownGene in
                shrinkage.shrink(
                    control: controlGene,
                    perturbed: ownGene,
                    earlier: row.fit,
                    scratch: &scratch
                )
            }
        }
    }

    private func designShrunken(
        _ fixture: ShrinkageFixture,
        _ row: PosteriorCase,
        columns: Int
    ) -> ShrunkenEffect {
        let shrinkage = DesignShrinkage(
            rows: fixture.sizeFactors.indices.flatMap {
                ([1, fixture.indicator[$0]] + fixture.covariates[$0]).prefix(columns)
            },
            columns: columns,
            shrunken: 1,
            sizeFactors: fixture.sizeFactors,
            priorScale: row.scale
        )
        var scratch = shrinkage.makeScratch()
        // Anything may be left there.
        let earlier = EarlierFit(
            coefficients: [Double](repeating: 0, count: columns),
            standardError: 1,
            dispersion: 0.5
        )
        _ = fixture.withParts(gene: 1) {
            shrinkage.shrink(parts: $0, earlier: earlier, scratch: &scratch)
        }
        return fixture.withParts(gene: row.gene) {
            shrinkage.shrink(parts: $0, earlier: row.fit, scratch: &scratch)
        }
    }

    /// Whether the minimiser stops at a share of J that rounding or the κ of D28 makes large.
    private func isLoose(_ fixture: ShrinkageFixture, _ row: PosteriorCase) -> Bool {
        let total = fixture.counts[row.gene].reduce(0.0) { $0 + Double($1) }
        return row.fit.dispersion < 1e-3 || total > 1e6 || total == 0
    }

    private func check(_ fixture: ShrinkageFixture, _ row: PosteriorCase, _ found: ShrunkenEffect) {
        let isLoose = isLoose(fixture, row)
        let (relative, absolute) = isLoose ? (1e-3, 1e-3) : (1e-5, 1e-8)
        for (value, expected) in [
            (found.effect, row.expected.effect),
            (found.standardError, row.expected.standardError),
        ] {
            let isSame = value == expected || (value.isNaN && expected.isNaN)
            let difference = (value - expected).magnitude
            let allowed = relative * expected.magnitude + absolute
            #expect(isSame || difference <= allowed, "\(row) found \(found)")
        }
    }

    @Test("two groups, with and without a floor of the means")
    func twoGroups() throws {
        let fixture = try ShrinkageFixture()
        let rows = try PosteriorCase.all("two_groups", columns: 2)
        #expect(rows.count == 372)
        for row in rows { check(fixture, row, shrunken(fixture, row)) }
    }

    @Test("a design with covariates")
    func design() throws {
        let fixture = try ShrinkageFixture()
        let rows = try PosteriorCase.all("design", columns: 5)
        #expect(rows.count == 108)
        for row in rows { check(fixture, row, designShrunken(fixture, row, columns: 5)) }
    }

    @Test("a design of two columns is the two groups")
    func twoColumns() throws {
        let fixture = try ShrinkageFixture()
        for row in try PosteriorCase.all("two_groups", columns: 2)
        where row.floor == 0 && !isLoose(fixture, row) {
            check(fixture, row, designShrunken(fixture, row, columns: 2))
        }
    }

    @Test("the mode is lowest among effects nearby, the intercept fitted to each")
    func bruteForce() throws {
        let fixture = try ShrinkageFixture()
        var checked = 0
        for row in try PosteriorCase.all("two_groups", columns: 2)
        where row.fit.coefficients[1].isFinite && row.fit.dispersion > 0.02 && row.scale > 0.1
            && row.floor == 0
            && row.fit.coefficients[0] > -20 && !isLoose(fixture, row)
        {
            let found = shrunken(fixture, row)
            func profile(_ effect: Double) -> Double {
                fixture.profile(
                    gene: row.gene,
                    effect: effect,
                    dispersion: row.fit.dispersion,
                    scale: row.scale
                )
            }
            let lowest = profile(found.effect)
            // The minimiser stops where a step gains less than 1e-8 of J.
            let slack = 1e-6 * lowest.magnitude
            for share in [-0.5, -0.1, 0.1, 0.5] {
                let near = profile(found.effect + share * found.standardError)
                #expect(lowest <= near + slack, "\(row)")
            }
            checked += 1
        }
        #expect(checked > 100)
    }

    @Test("D28: the likelihood of more than a million counts is divided, the prior is not")
    func d28() throws {
        let fixture = try ShrinkageFixture()
        let row = try #require(
            try PosteriorCase.all("two_groups", columns: 2).first {
                $0.gene == 30 && $0.scale == 0.15
            }
        )
        let total = fixture.counts[30].reduce(0.0) { $0 + Double($1) }
        #expect(total > 5e6)
        let found = shrunken(fixture, row)
        #expect((found.effect - row.expected.effect).magnitude < 1e-4)
        func undivided(_ effect: Double) -> Double {
            fixture.profile(
                gene: 30,
                effect: effect,
                dispersion: row.fit.dispersion,
                scale: row.scale,
                divided: false
            )
        }
        // The mode of the undivided posterior lies farther from 0.
        #expect(found.effect < 0.0045)
        #expect(undivided(0.03) < undivided(found.effect) - 0.03)
    }

    @Test("D29: with a tiny dispersion the minimiser stops far from the mode")
    func d29() throws {
        let fixture = try ShrinkageFixture()
        let row = try #require(
            try PosteriorCase.all("two_groups", columns: 2).first {
                $0.gene == 2 && $0.fit.dispersion == 1e-8
            }
        )
        let found = shrunken(fixture, row)
        #expect((found.effect - row.expected.effect).magnitude < 1e-3)
        func profile(_ effect: Double) -> Double {
            fixture.profile(gene: 2, effect: effect, dispersion: 1e-8, scale: row.scale)
        }
        #expect(found.effect > 0.2)
        #expect(profile(found.effect) > profile(0) + 2)
    }

    @Test("D16: without a usable fit the estimate stays and the error becomes 1")
    func d16() throws {
        let fixture = try ShrinkageFixture()
        func shrink(
            _ effect: Double,
            _ error: Double,
            _ dispersion: Double
        ) -> ShrunkenEffect {
            let row = PosteriorCase(
                gene: 3,
                floor: 0,
                scale: 0.3,
                fit: EarlierFit(
                    coefficients: [0.1, effect],
                    standardError: error,
                    dispersion: dispersion
                ),
                expected: ShrunkenEffect(effect: 0, standardError: 0),
                isConverged: true
            )
            return shrunken(fixture, row)
        }
        let untested = shrink(.nan, .nan, 0.3)
        #expect(untested.effect.isNaN && untested.standardError == 1)
        #expect(shrink(0.7, .nan, .nan) == ShrunkenEffect(effect: 0.7, standardError: 1))
        #expect(shrink(0.7, 0.2, 0) == ShrunkenEffect(effect: 0.7, standardError: 0.2))
        let flat = ShrunkenEffect(effect: 0.7, standardError: 0.2)
        #expect(shrink(0.7, 0.2, 0.009) == flat)
        #expect(shrink(0.7, 0.2, 0.011) != flat)
    }
}
