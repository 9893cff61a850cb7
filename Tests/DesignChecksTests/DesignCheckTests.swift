import DesignChecks
import Statistics
import Testing

@Suite("Perturbations that covariates leave no room for")
struct DesignCheckTests {
    /// 12 control cells (rows 0-11) and two perturbations of 6 (12-17, 18-23).
    private static let control = Array(0..<12)
    private static let first = Array(12..<18)
    private static let second = Array(18..<24)

    private func check(_ covariates: CovariateTable.Covariate...) -> DesignCheck {
        DesignCheck(
            covariates: CovariateTable(cellCount: 24, covariates: covariates),
            controlRows: Self.control
        )
    }

    private func levels(
        _ name: String,
        _ names: [String],
        keepsUnused: Bool = true,
        _ code: (Int) -> Int32
    ) -> CovariateTable.Covariate {
        CovariateTable.Covariate(
            name: name,
            values: .levels(
                CovariateTable.Levels(
                    codes: (0..<24).map(code),
                    names: names,
                    keepsUnused: keepsUnused
                )
            )
        )
    }

    private func numeric(_ name: String, _ value: (Int) -> Double) -> CovariateTable.Covariate {
        CovariateTable.Covariate(name: name, values: .numeric((0..<24).map(value)))
    }

    @Test(
        "a batch of its own confounds a perturbation, a shared one does not",
        arguments: [true, false]
    )
    func batch(_ keepsUnused: Bool) {
        let check = check(
            levels("batch", ["unused", "a", "b", "own"], keepsUnused: keepsUnused) { cell in
                cell >= 18 ? 3 : Int32(1 + cell % 2)
            }
        )
        #expect(check.finding(perturbedRows: Self.first) == .sound)
        #expect(check.finding(perturbedRows: Self.second) == .confounded)
    }

    @Test("a combination of two covariates confounds as one does")
    func combination() {
        // The second perturbation is where both covariates have their second level.
        let check = check(
            levels("batch", ["a", "b"]) { $0 >= 18 ? 1 : 0 },
            numeric("age") { Double($0 % 5) }
        )
        #expect(check.finding(perturbedRows: Self.first) == .sound)
        #expect(check.finding(perturbedRows: Self.second) == .confounded)
    }

    @Test("a numeric covariate that is the perturbation confounds, at any scale")
    func number() {
        let check = check(numeric("dose") { $0 >= 18 ? 1e7 : 2e-3 }, numeric("age") { Double($0) })
        #expect(check.finding(perturbedRows: Self.first) == .sound)
        #expect(check.finding(perturbedRows: Self.second) == .confounded)
    }

    @Test("levels that contradict one another elsewhere are no fault of the perturbation")
    func redundantCovariates() {
        let check = check(
            levels("batch", ["a", "b"]) { Int32($0 % 2) },
            levels("copy", ["x", "y"]) { Int32($0 % 2) }
        )
        #expect(check.finding(perturbedRows: Self.first) == .sound)
    }

    @Test("a missing level counts as the first one, as in the fit")
    func missingLevel() {
        let own = check(levels("batch", ["a", "b"]) { $0 >= 18 ? -1 : 1 })
        #expect(own.finding(perturbedRows: Self.second) == .confounded)
        let shared = check(levels("batch", ["a", "b"]) { $0 >= 18 ? -1 : Int32($0 % 2) })
        #expect(shared.finding(perturbedRows: Self.second) == .sound)
    }

    @Test("a missing number is named, wherever it is")
    func missingNumber() {
        let inSecond = check(numeric("age") { $0 == 20 ? .nan : Double($0 % 4) })
        #expect(inSecond.finding(perturbedRows: Self.first) == .sound)
        #expect(inSecond.finding(perturbedRows: Self.second) == .missing(covariate: "age"))
        let inControl = check(
            numeric("depth") { Double($0 % 3) },
            numeric("age") { $0 == 2 ? .nan : 1 }
        )
        #expect(inControl.finding(perturbedRows: Self.first) == .missing(covariate: "age"))
    }

    @Test("thousands of control cells are judged as a few are")
    func manyControls() {
        let cells = 20_000
        let codes = (0..<cells).map { cell -> Int32 in
            cell >= cells - 10 ? 2 : (cell >= cells - 20 ? 1 : Int32(cell % 2))
        }
        let check = DesignCheck(
            covariates: CovariateTable(
                cellCount: cells,
                covariates: [
                    CovariateTable.Covariate(
                        name: "batch",
                        values: .levels(
                            CovariateTable.Levels(
                                codes: codes,
                                names: ["a", "b", "c"],
                                keepsUnused: true
                            )
                        )
                    ),
                    CovariateTable.Covariate(
                        name: "age",
                        values: .numeric((0..<cells).map { Double($0 % 97) / 7 })
                    ),
                ]
            ),
            controlRows: Array(0..<cells - 20)
        )
        #expect(check.finding(perturbedRows: Array(cells - 20..<cells - 10)) == .sound)
        #expect(check.finding(perturbedRows: Array(cells - 10..<cells)) == .confounded)
    }
}
