package import DifferentialExpression
import Digests
import Foundation
package import RunFiles
package import WireProtocol

/// Why a worker cannot take part in a run.
package struct WorkerFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed, why, and what to do.
    package let description: String

    /// A failure that says why.
    package init(_ description: String) { self.description = description }
}

/// What the coordinator's welcome says about the fits, checked once.
package struct RunTerms: Sendable {
    /// Options that decide the numbers.
    package let options: AnalysisOptions
    /// Genes of the screen.
    package let geneCount: Int
    /// Bytes of every row.
    package let rowBytes: Int
    /// Names of the resources that come before any fit.
    package let resources: [String]

    /// Bytes that follow the block of each perturbation, their digest not included.
    package var inputBytes: Int { options.method == .shrinkage ? 4 * 8 * geneCount : 0 }

    /// Understands a welcome.
    ///
    /// - Throws: ``WorkerFailure`` when this build cannot do what is asked.
    package init(_ welcome: Welcome) throws(WorkerFailure) {
        let digest = welcome.optionsJSON.withUnsafeBytes { Digest128(of: $0) }
        guard welcome.optionsDigest == Bytes16(high: digest.high, low: digest.low) else {
            throw WorkerFailure("the options and their digest differ")
        }
        try self.init(
            optionsJSON: welcome.optionsJSON,
            rowSchemaVersion: welcome.rowSchemaVersion,
            geneCount: Int(welcome.geneCount),
            rowBytes: welcome.rowBytes,
            resources: welcome.resources.map(\.name)
        )
    }

    /// Understands what a run in array mode is.
    ///
    /// - Throws: ``WorkerFailure`` when this build cannot do what is asked.
    package init(_ run: PreparedRun) throws(WorkerFailure) {
        try self.init(
            optionsJSON: Array(run.options.utf8),
            rowSchemaVersion: run.rowSchemaVersion,
            geneCount: run.geneCount,
            rowBytes: UInt64(run.rowBytes),
            resources: run.common
        )
    }

    private init(
        optionsJSON: [UInt8],
        rowSchemaVersion: UInt32,
        geneCount: Int,
        rowBytes: UInt64,
        resources: [String]
    ) throws(WorkerFailure) {
        do {
            options = try JSONDecoder().decode(AnalysisOptions.self, from: Data(optionsJSON))
        } catch {
            throw WorkerFailure("the options cannot be understood; use the same build everywhere")
        }
        let schema = options.rowSchema
        guard rowSchemaVersion == schema.version else {
            throw WorkerFailure(
                "rows have layout \(rowSchemaVersion), this build writes \(schema.version); use "
                    + "the same build everywhere"
            )
        }
        self.geneCount = geneCount
        self.resources = resources
        self.rowBytes = schema.rowByteCount(geneCount: geneCount)
        guard UInt64(self.rowBytes) == rowBytes else {
            throw WorkerFailure("a row has \(self.rowBytes) bytes here and \(rowBytes) there")
        }
    }
}
