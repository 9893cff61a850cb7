import RunFiles

/// Perturbations that no part has fitted, and the commands that would.
struct MissingRows {
    let run: PreparedRun
    /// Positions of the perturbations.
    let missing: [Int]
    /// The part that each segment belongs to.
    let shards: [Shard]

    private static let mostNames = 10

    /// Into how many parts the run was cut, by the segments that are there; nil when there are none
    /// or several answers.
    private var partCount: Int? {
        let counts = Set(shards.map(\.count))
        return counts.count == 1 ? counts.first : nil
    }

    /// What to tell.
    func text(directory: String) -> String {
        let names = missing.prefix(Self.mostNames).map { "'\(run.perturbations[$0].name)'" }
        let more = missing.count > names.count ? " and \(missing.count - names.count) more" : ""
        let what =
            "\(missing.count) of \(run.perturbations.count) perturbations have no row: "
            + names.joined(separator: ", ") + more + "; "
        let after = ", then merge again, or publish without them with --allow-missing"
        guard let partCount else {
            return what + "run 'crispyx-worker fit --run-dir \(directory) --shard I/N' for every I "
                + "from 0 to N-1" + after
        }
        let wanted = Set(missing)
        let plan = ShardPlan(costs: run.perturbations.map(\.cost), count: partCount)
        let parts = (0..<partCount).filter { part in plan[part].contains { wanted.contains($0) } }
        let listed = parts.prefix(Self.mostNames).map { "\($0)/\(partCount)" }
        let rest = parts.count > listed.count ? " and \(parts.count - listed.count) more" : ""
        return what + "run 'crispyx-worker fit --run-dir \(directory) --shard \(listed[0])'"
            + (listed.count > 1
                ? " and the same with " + listed.dropFirst().joined(separator: ", ") : "")
            + rest + after
    }
}
