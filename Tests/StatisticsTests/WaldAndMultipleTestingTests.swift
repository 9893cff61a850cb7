import Foundation
import Statistics
import Testing

@Suite("P-values are adjusted within a perturbation")
struct MultipleTestingTests {
    /// Adjusted values by `scipy.stats.false_discovery_control` of SciPy 1.17.1.
    private static let table: [(p: Double, adjusted: Double)] = [
        (0.04, 0x1.18de5ab277f45p-4), (0.0012, 0x1.d7dbf487fcb92p-9),
        (0.3, 0x1.cccccccccccccp-2), (0.04, 0x1.18de5ab277f45p-4),
        (0.9, 0x1.f6b0df6b0df6bp-1), (1e-12, 0x1.a636641c4df1ap-37),
        (0.0012, 0x1.d7dbf487fcb92p-9), (0.5, 0x1.5555555555555p-1),
        (1.0, 1.0), (0.012, 0x1.d7dbf487fcb92p-6),
        (3e-5, 0x1.797cc39ffd60fp-13), (0.7, 0x1.ae147ae147ae1p-1),
    ]

    @Test("Benjamini-Hochberg gives SciPy's values")
    func table() {
        let adjusted = MultipleTesting.adjust(Self.table.map(\.p), by: .benjaminiHochberg)
        for (found, expected) in zip(adjusted, Self.table) {
            // SciPy multiplies by T/r, we multiply by T and divide by r: one rounding apart.
            #expect(isNear(found, expected.adjusted, 3e-16, scale: expected.adjusted))
        }
    }

    @Test("missing values take no part and stay where they are")
    func missingValues() {
        let p = Self.table.map(\.p)
        for method in MultipleTesting.Method.allCases {
            let whole = MultipleTesting.adjust(p, by: method)
            let holed = MultipleTesting.adjust(
                p.flatMap { [Double.nan, $0] } + [.nan],
                by: method
            )
            #expect(holed.count == 2 * p.count + 1)
            for index in holed.indices {
                if index % 2 == 0 {
                    #expect(holed[index].isNaN)
                } else {
                    #expect(holed[index] == whole[index / 2])
                }
            }
            #expect(MultipleTesting.adjust([], by: method).isEmpty)
            #expect(MultipleTesting.adjust([.nan], by: method)[0].isNaN)
        }
    }

    @Test("Benjamini-Hochberg is the least bound over all larger p-values, bit for bit")
    func definition() {
        var random = SeededGenerator(seed: 41)
        for _ in 0..<200 {
            let count = Int(random.uniform(1, 60))
            // Rounding to a few digits makes ties.
            let p = (0..<count).map { _ in (random.uniform(0, 1) * 40).rounded(.down) / 40 }
            let adjusted = MultipleTesting.adjust(p, by: .benjaminiHochberg)
            for gene in p.indices {
                let bounds = p.filter { $0 >= p[gene] }.map { other in
                    other * Double(count) / Double(p.count { $0 <= other })
                }
                #expect(adjusted[gene] == min(bounds.min() ?? .nan, 1))
            }
        }
    }

    @Test("Bonferroni multiplies by the number of tests and stops at 1")
    func bonferroni() {
        let adjusted = MultipleTesting.adjust([0.01, .nan, 0.4, 0, 0.25], by: .bonferroni)
        #expect(adjusted[0] == 0.04 && adjusted[2] == 1 && adjusted[3] == 0 && adjusted[4] == 1)
        #expect(adjusted[1].isNaN)
    }
}

@Suite("The standard error is that of the ridged two-group model")
struct WaldTestTests {
    /// Square roots of the lower right element of H M H, in exact rational arithmetic.
    private static let table: [(control: Double, group: Double, error: Double)] = [
        (291.5, 12.25, 0.2916559107897814), (1, 1, 1.4142100268485582),
        (0.001, 500_000, 31.559657318669327), (500_000, 0.001, 31.591185447795592),
        (10_000, 1e-07, 287.4797872868584), (3.5e7, 2.25e7, 0.0002702144944592364),
    ]

    @Test("agrees with exact arithmetic")
    func table() {
        for row in Self.table {
            let error = WaldTest.standardError(controlWeight: row.control, groupWeight: row.group)
            // Three terms cancel to a share of min(Wc, Wk) / max(Wc, Wk) of the largest.
            let ratio = max(row.control, row.group) / max(min(row.control, row.group), 1e-6)
            #expect(
                isNear(error, row.error, 1e-15 * (10 + ratio), scale: row.error),
                "Wc \(row.control), Wk \(row.group): \(error) instead of \(row.error)"
            )
        }
    }

    @Test("approaches the root of 1/Wc + 1/Wk")
    func limit() {
        var random = SeededGenerator(seed: 42)
        for _ in 0..<500 {
            let (control, group) = (random.logUniform(3, 1e5), random.logUniform(3, 1e5))
            let error = WaldTest.standardError(controlWeight: control, groupWeight: group)
            let expected = (1 / control + 1 / group).squareRoot()
            #expect(isNear(error, expected, 1e-6, scale: expected))
        }
    }

    @Test("a group without information has the least standard error, not an infinite one")
    func noInformation() {
        #expect(WaldTest.standardError(controlWeight: 0.25, groupWeight: 0) == 1e-6)
        #expect(WaldTest.standardError(controlWeight: 0, groupWeight: 0) == 1e-6)
        #expect(WaldTest.standardError(controlWeight: 1, groupWeight: .nan).isNaN)
    }
}
