import Coordinator
import Statistics
import Testing

@Suite("Designs that leave no room for an effect are found")
struct DesignReviewTests {
    /// Cells of control (0), a sound perturbation (1) and one that has a batch of its own (2).
    private let groups: [Int32] = [0, 0, 0, 0, 1, 1, -1, 2, 2]
    private let batches: [Int32] = [0, 1, 0, 1, 0, 1, 0, 2, 2]

    private func review(_ covariates: [CovariateTable.Covariate]) -> DesignReview {
        DesignReview(
            covariates: CovariateTable(cellCount: groups.count, covariates: covariates),
            groupOfCell: groups,
            controlGroup: 0,
            testedGroups: [2, 1]
        )
    }

    private var batch: CovariateTable.Covariate {
        CovariateTable.Covariate(
            name: "batch",
            values: .levels(
                CovariateTable.Levels(codes: batches, names: ["a", "b", "c"], keepsUnused: true)
            )
        )
    }

    @Test("D32: a perturbation with a batch of its own is confounded")
    func confounded() {
        let review = review([batch])
        #expect(review.confounded == [0])
        #expect(review.missing.isEmpty)
        // Intercept, effect, and two of three batches where the perturbation has one of its own.
        #expect(review.columns == 4)
    }

    @Test("a missing number leaves exactly the comparisons that have the cell without a fit")
    func missing() {
        var depths = groups.indices.map { Double($0 * $0) }
        depths[5] = .nan
        let ofOne = review([.init(name: "depth", values: .numeric(depths))])
        #expect(ofOne.missing == [1: "depth"] && ofOne.confounded.isEmpty)
        depths[2] = .nan
        let ofControl = review([.init(name: "depth", values: .numeric(depths))])
        #expect(ofControl.missing == [0: "depth", 1: "depth"])
    }

    @Test("without covariates every design is sound")
    func none() {
        let review = review([])
        #expect(review.confounded.isEmpty && review.missing.isEmpty)
    }
}
