import Coordinator
import Testing

@Suite("Finding the control label")
struct ControlLabelTests {
    @Test(
        "the first rule that a label meets decides",
        arguments: [
            (["GATA1", "Control", "control-like"], "Control"),
            (["GATA1", "ctrl", "non-targeting"], "ctrl"),
            (["NON_TARGET", "my-ctrl"], "NON_TARGET"),
            (["GATA1", "non-targeting"], "non-targeting"),
            (["GATA1", "sgCTRL_1"], "sgCTRL_1"),
            (["GATA1", "safe non-gene target"], "safe non-gene target"),
            (["target of none", "GATA1"], "target of none"),
        ]
    )
    func found(labels: [String], control: String) {
        #expect(ControlLabel.infer(from: labels) == .found(control))
        #expect(ControlLabel.infer(from: labels.reversed()) == .found(control))
    }

    @Test("two labels under the deciding rule are ambiguous, whatever later rules would say")
    func ambiguous() {
        #expect(
            ControlLabel.infer(from: ["ctrl", "GATA1", "Control"])
                == .ambiguous(["ctrl", "Control"])
        )
        #expect(
            ControlLabel.infer(from: ["ctrl_1", "ctrl_2", "non x target"])
                == .ambiguous(["ctrl_1", "ctrl_2"])
        )
    }

    @Test("no label may look like a control", arguments: [[], ["GATA1", "", "NT", "target"]])
    func none(labels: [String]) {
        #expect(ControlLabel.infer(from: labels) == ControlLabel.Inference.none)
    }
}
