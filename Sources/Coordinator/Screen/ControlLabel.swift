/// Finds the control label of a screen when the user names none.
package enum ControlLabel {
    private static let exact: Set<String> = [
        "ctrl", "control", "nontarget", "non-target", "non_target",
    ]

    /// What the labels say.
    package enum Inference: Equatable {
        /// Exactly one label looks like the control.
        case found(String)
        /// Several do; the user has to choose.
        case ambiguous([String])
        /// None does.
        case none
    }

    /// Applies three rules in turn; the first that any label meets decides.
    ///
    /// Lower-cased, a label (a) is one of the usual names, (b) contains one of them, or (c)
    /// contains both "non" and "target". More than one label under the deciding rule is ambiguous:
    /// taking the first would depend on the order of cells.
    ///
    /// - Parameter labels: Distinct labels.
    /// - Returns: The one label that meets the deciding rule, or why there is none.
    package static func infer(from labels: [String]) -> Inference {
        let rules: [(String) -> Bool] = [
            { exact.contains($0) },
            { label in exact.contains { label.contains($0) } },
            { $0.contains("non") && $0.contains("target") },
        ]
        for rule in rules {
            let matching = labels.filter { rule($0.lowercased()) }
            if matching.count == 1 { return .found(matching[0]) }
            if matching.count > 1 { return .ambiguous(matching) }
        }
        return .none
    }
}
