package import AnnData

/// Which cells are control, which perturbations are tested, and in which order.
package struct ScreenPlan: Equatable, Sendable {
    /// Distinct labels in order of first appearance: the groups of the count blocks.
    package let labels: [String]
    /// The control's group.
    package let controlGroup: Int
    /// The group of each row of the result.
    package let testedGroups: [Int]
    /// Cells without a label, which take no part.
    package let unlabelledCells: Int

    /// The control label.
    package var controlLabel: String { labels[controlGroup] }
    /// Row labels of the result.
    package var perturbations: [String] { testedGroups.map { labels[$0] } }

    /// Chooses control and perturbations.
    ///
    /// - Parameters:
    ///   - labels: The label of each cell.
    ///   - column: Name of the column, for messages.
    ///   - control: The control label the user named; nil to infer it.
    ///   - perturbations: Labels to test, in this order; nil for all in order of first appearance.
    /// - Throws: ``RunFailure`` when a label is missing, repeated or ambiguous.
    package init(
        labels: CellLabels,
        column: String,
        control: String?,
        perturbations: [String]?
    ) throws(RunFailure) {
        self.labels = labels.names
        unlabelledCells = labels.codes.count { $0 < 0 }
        controlGroup = try Self.controlGroup(labels.names, column: column, named: control)
        testedGroups = try Self.testedGroups(
            labels.names,
            column: column,
            control: controlGroup,
            named: perturbations
        )
    }

    private static func controlGroup(
        _ labels: [String],
        column: String,
        named control: String?
    ) throws(RunFailure) -> Int {
        if let control {
            if let group = labels.firstIndex(of: control) { return group }
            throw RunFailure(
                .badInput,
                "column '\(column)': no cell is labelled '\(control)', the control label; "
                    + nearest(to: control, in: labels)
            )
        }
        switch ControlLabel.infer(from: labels) {
        case .found(let label):
            guard let group = labels.firstIndex(of: label) else { break }
            return group
        case .ambiguous(let candidates):
            throw RunFailure(
                .badInput,
                "column '\(column)': several labels look like the control: "
                    + "\(quoted(candidates)); choose one with --control-label"
            )
        case .none: break
        }
        throw RunFailure(
            .badInput,
            "column '\(column)': no label looks like a control; name it with --control-label. "
                + "The column holds \(quoted(labels))"
        )
    }

    private static func testedGroups(
        _ labels: [String],
        column: String,
        control: Int,
        named perturbations: [String]?
    ) throws(RunFailure) -> [Int] {
        guard let perturbations else {
            let groups = labels.indices.filter { $0 != control }
            guard groups.isEmpty else { return groups }
            throw RunFailure(
                .badInput,
                "column '\(column)': every labelled cell is control; there is nothing to test"
            )
        }
        let groupOf = Dictionary(uniqueKeysWithValues: zip(labels, labels.indices))
        var seen: Set<String> = []
        var groups: [Int] = []
        for label in perturbations {
            guard let group = groupOf[label] else {
                throw RunFailure(
                    .badInput,
                    "column '\(column)': no cell is labelled '\(label)', named by "
                        + "--perturbations; " + nearest(to: label, in: labels)
                )
            }
            guard seen.insert(label).inserted else {
                throw RunFailure(.usage, "--perturbations names '\(label)' twice")
            }
            if group != control { groups.append(group) }
        }
        guard groups.isEmpty else { return groups }
        throw RunFailure(.usage, "--perturbations names nothing but the control")
    }

    /// Labels for a message: the closest to what was asked, or simply the first ones.
    private static func nearest(to name: String, in labels: [String]) -> String {
        let wanted = name.lowercased()
        let close = labels.filter {
            let label = $0.lowercased()
            return label.contains(wanted) || wanted.contains(label)
        }
        return close.isEmpty
            ? "the column holds \(quoted(labels))" : "near are \(quoted(close))"
    }

    /// At most ten labels in quotes.
    static func quoted(_ labels: [String]) -> String {
        labels.prefix(10).map { "'\($0)'" }.joined(separator: ", ")
            + (labels.count > 10 ? " and \(labels.count - 10) more" : "")
    }
}
