package import DifferentialExpression
import Digests
import Foundation
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
        do {
            options = try JSONDecoder().decode(
                AnalysisOptions.self,
                from: Data(welcome.optionsJSON)
            )
        } catch {
            throw WorkerFailure("the options cannot be understood; use the same build everywhere")
        }
        let schema = options.rowSchema
        guard welcome.rowSchemaVersion == schema.version else {
            throw WorkerFailure(
                "rows have layout \(welcome.rowSchemaVersion), this build writes "
                    + "\(schema.version); use the same build everywhere"
            )
        }
        geneCount = Int(welcome.geneCount)
        resources = welcome.resources.map(\.name)
        rowBytes = schema.rowByteCount(geneCount: geneCount)
        guard UInt64(rowBytes) == welcome.rowBytes else {
            throw WorkerFailure("a row has \(rowBytes) bytes here and \(welcome.rowBytes) there")
        }
    }
}
