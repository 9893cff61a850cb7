import AnnData
import Coordinator
import Testing

@Suite("Which cells are control and which perturbations are tested")
struct ScreenPlanTests {
    private let labels: CellLabels

    init() throws {
        labels = try cellLabels([0, 1, -1, 2, 0, 3, -1], ["GATA1", "control", "MYC", "A,B"])
    }

    private func plan(
        control: String? = nil,
        perturbations: [String]? = nil,
        labels: CellLabels? = nil
    ) throws(RunFailure) -> ScreenPlan {
        try ScreenPlan(
            labels: labels ?? self.labels,
            column: "gene",
            control: control,
            perturbations: perturbations
        )
    }

    private func failure(_ body: () throws(RunFailure) -> ScreenPlan) -> RunFailure? {
        do throws(RunFailure) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("all perturbations are tested in order of first appearance")
    func all() throws {
        let plan = try plan()
        #expect(plan.controlLabel == "control")
        #expect(plan.perturbations == ["GATA1", "MYC", "A,B"])
        #expect(plan.testedGroups == [0, 2, 3])
        #expect(plan.unlabelledCells == 2)
    }

    @Test("named perturbations are tested as listed, without the control")
    func named() throws {
        let plan = try plan(perturbations: ["A,B", "control", "GATA1"])
        #expect(plan.perturbations == ["A,B", "GATA1"])
        #expect(plan.labels == labels.names)
    }

    @Test("any label may be the control when it is named")
    func namedControl() throws {
        let plan = try plan(control: "MYC")
        #expect(plan.controlLabel == "MYC")
        #expect(plan.perturbations == ["GATA1", "control", "A,B"])
    }

    @Test("a label that no cell has is refused with the nearest ones")
    func unknown() throws {
        let control = try #require(failure { () throws(RunFailure) in try plan(control: "myc") })
        #expect(control.status == .badInput)
        #expect(control.description.contains("'myc'") && control.description.contains("'MYC'"))
        #expect(!control.description.contains("'A,B'"))
        let tested = try #require(
            failure { () throws(RunFailure) in try plan(perturbations: ["GATA1", "TP53"]) }
        )
        #expect(tested.status == .badInput)
        #expect(tested.description.contains("'TP53'") && tested.description.contains("'A,B'"))
    }

    @Test("repeated labels and the control alone are mistakes on the command line")
    func mistakes() throws {
        let repeated = try #require(
            failure { () throws(RunFailure) in try plan(perturbations: ["MYC", "GATA1", "MYC"]) }
        )
        #expect(repeated.status == .usage && repeated.description.contains("'MYC' twice"))
        let control = try #require(
            failure { () throws(RunFailure) in try plan(perturbations: ["control"]) }
        )
        #expect(control.status == .usage)
    }

    @Test("without one clear control the candidates are listed")
    func controls() throws {
        let two = try cellLabels([0, 1, 2], ["ctrl", "X", "Control"])
        let ambiguous = try #require(
            failure { () throws(RunFailure) in try plan(labels: two) }
        )
        #expect(ambiguous.status == .badInput)
        #expect(ambiguous.description.contains("'ctrl', 'Control'"))
        #expect(ambiguous.description.contains("--control-label"))
        let nobody = try cellLabels([0, 1], ["X", "Y"])
        let none = try #require(
            failure { () throws(RunFailure) in try plan(labels: nobody) }
        )
        #expect(none.status == .badInput && none.description.contains("'X', 'Y'"))
        let alone = try cellLabels([0, 0], ["ctrl"])
        let nothing = try #require(
            failure { () throws(RunFailure) in try plan(labels: alone) }
        )
        #expect(nothing.status == .badInput && nothing.description.contains("nothing to test"))
    }
}
