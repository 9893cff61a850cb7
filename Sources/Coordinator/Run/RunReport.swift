import Foundation

/// The summary of a run for a script: printed by `--json` and kept in the run directory.
///
/// Everything that depends on time and place is here and not in the result.
struct RunReport: Codable {
    /// Whether the result was there already.
    enum Outcome: String, Codable {
        /// Computed now.
        case computed
        /// An earlier run had computed the same; nothing was done.
        case alreadyComplete = "already_complete"
    }

    var outcome: Outcome
    /// Path of the screen, as the run read it.
    var input: String
    var output: String
    var fingerprint: String
    var method: String
    var controlLabel: String
    var cells: Int
    var cellsWithoutLabel: Int
    var genes: Int
    var perturbations: Int
    var nonzeros: Int
    /// Rows taken over from an interrupted run.
    var resumedRows = 0
    var tally: PairTally?
    var lost: [Lost] = []
    /// Seconds of each stage.
    var seconds: [String: Double] = [:]
    var bytesSpilled = 0
    /// Time and memory of the stages, when they were asked for.
    var profile: RunProfile?

    /// A perturbation without a row.
    struct Lost: Codable {
        var perturbation: String
        var kind: LostPerturbation.Kind
        var reasons: [String]
    }

    /// The report as JSON with sorted keys.
    func json() throws(RunFailure) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let data = try? encoder.encode(self) else {
            throw RunFailure(.internalError, "the report cannot be encoded")
        }
        return Array(data)
    }
}
