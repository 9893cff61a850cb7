package import AnnData

/// What has to be said beside a table of effects: which perturbations have none, and why.
package enum EffectNotes {
    /// One line for each reason.
    ///
    /// - Parameters:
    ///   - reader: The result.
    ///   - subject: What was asked for.
    ///   - untested: Perturbations that were read and have no tested gene.
    /// - Returns: The lines, by first perturbation.
    package static func lines(
        _ reader: ResultReader,
        _ subject: EffectQuery.Subject,
        untested: [Int]
    ) -> [String] {
        let rows: [Int] =
            switch subject {
            case .perturbation(let row): [row]
            case .everything, .gene: Array(reader.perturbations.indices)
            }
        var groups: [(reason: String, labels: [String])] = []
        func add(_ row: Int, _ reason: String) {
            if let known = groups.firstIndex(where: { $0.reason == reason }) {
                groups[known].labels.append(reader.perturbations[row])
            } else {
                groups.append((reason, [reader.perturbations[row]]))
            }
        }
        let withoutTests = Set(untested)
        for row in rows {
            if reader.hasStatuses, reader.statuses[row] != ResultDescription.statusCategories[0] {
                add(row, reader.statuses[row] ?? "not finished")
            } else if withoutTests.contains(row) {
                add(row, "no gene was tested")
            }
        }
        return groups.map { reason, labels in
            "\(labels.count) \(labels.count == 1 ? "perturbation has" : "perturbations have") no "
                + "values (\(reason)): \(ScreenPlan.quoted(labels))"
        }
    }
}
