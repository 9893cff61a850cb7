package import CountBlocks
package import DifferentialExpression
package import Digests
import Foundation

/// Identifies a run by content: what was counted, how it is labelled and what is asked of it.
///
/// Made of the count blocks, so that it covers every count and is the same for every encoding of
/// the same screen. Path, time and machine are not in it.
package struct Fingerprint: Equatable, Sendable {
    /// Changes whenever this code gives other numbers for the same options.
    private static let methodVersion: UInt64 = 1

    /// Digest of all of it.
    package let digest: Digest128
    /// Options as canonical JSON: what travels to workers.
    package let optionsJSON: [UInt8]

    /// Takes the digest of a screen and of what is asked of it.
    ///
    /// - Parameters:
    ///   - options: Everything that decides the numbers.
    ///   - schema: What a row of the result holds.
    ///   - plan: Labels, control and tested groups.
    ///   - genes: Gene names in the order of the blocks' genes.
    ///   - blocks: One block for each label of the plan.
    ///   - userSizeFactors: One factor for each cell of the file; nil when they are estimated.
    /// - Throws: ``RunFailure`` when the options cannot be encoded.
    package init(
        options: AnalysisOptions,
        schema: RowSchema,
        plan: ScreenPlan,
        genes: [String],
        blocks: BlockStore,
        userSizeFactors: [Double]?
    ) throws(RunFailure) {
        optionsJSON = try Self.canonicalJSON(options)
        let digester = Digester()
        digester.update("crispyx-cluster fingerprint")
        digester.update(Self.methodVersion)
        digester.update(UInt64(schema.version))
        optionsJSON.withUnsafeBytes { digester.update($0) }
        digester.update(UInt64(genes.count))
        for gene in genes { digester.update(gene) }
        digester.update(UInt64(plan.labels.count))
        for (group, label) in plan.labels.enumerated() {
            digester.update(label)
            digester.update(blocks.blocks[group].digest)
        }
        digester.update(UInt64(plan.controlGroup))
        for group in plan.testedGroups { digester.update(UInt64(group)) }
        if let userSizeFactors {
            userSizeFactors.withUnsafeBytes { digester.update($0) }
        }
        digest = digester.finish()
    }

    /// The digest as it stands in results and records.
    package var text: String { "\(digest)" }

    /// Options as JSON with sorted keys.
    static func canonicalJSON(_ options: AnalysisOptions) throws(RunFailure) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(options) else {
            throw RunFailure(.internalError, "the options cannot be encoded")
        }
        return Array(data)
    }
}
