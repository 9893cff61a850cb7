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
    private static let methodVersion: UInt64 = 2

    /// Digest of all of it.
    package let digest: Digest128
    /// Digest of genes, labels and counts alone, whatever is asked of them.
    package let content: Digest128
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
    ///   - extras: Further bytes that decide the numbers, each under a name: size factors that the
    ///     user gave, covariates.
    /// - Throws: ``RunFailure`` when the options cannot be encoded.
    package init(
        options: AnalysisOptions,
        schema: RowSchema,
        plan: ScreenPlan,
        genes: [String],
        blocks: BlockStore,
        extras: [(name: String, bytes: [UInt8])]
    ) throws(RunFailure) {
        optionsJSON = try Self.canonicalJSON(options)
        let ofContent = Digester()
        ofContent.update(UInt64(genes.count))
        for gene in genes { ofContent.update(gene) }
        ofContent.update(UInt64(plan.labels.count))
        for (group, label) in plan.labels.enumerated() {
            ofContent.update(label)
            ofContent.update(blocks.blocks[group].digest)
        }
        content = ofContent.finish()
        let digester = Digester()
        digester.update("crispyx-cluster fingerprint")
        digester.update(Self.methodVersion)
        digester.update(UInt64(schema.version))
        optionsJSON.withUnsafeBytes { digester.update($0) }
        digester.update(content)
        digester.update(UInt64(plan.controlGroup))
        for group in plan.testedGroups { digester.update(UInt64(group)) }
        for (name, bytes) in extras {
            digester.update(name)
            digester.update(UInt64(bytes.count))
            bytes.withUnsafeBytes { digester.update($0) }
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

extension Fingerprint {
    /// Takes the digest of a screen that was read and of what is asked of it.
    ///
    /// - Throws: ``RunFailure`` when the options cannot be encoded.
    init(
        options: AnalysisOptions,
        schema: RowSchema,
        screen: LoadedScreen,
        request: RunRequest
    ) throws(RunFailure) {
        var extras = screen.extras
        if let earlier = request.earlier { extras.append(("earlier", earlier.result.digest.bytes)) }
        if request.scanpyFormat { extras.append(("scanpy-format", [])) }
        try self.init(
            options: options,
            schema: schema,
            plan: screen.plan,
            genes: screen.genes,
            blocks: screen.counts.blocks,
            extras: extras
        )
    }
}
