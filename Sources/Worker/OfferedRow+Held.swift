import Digests
import Scheduling
import WireProtocol

extension OfferedRow {
    /// What is left from earlier links, in as many messages as it takes; the first one is sent even
    /// with nothing in it.
    static func messages(
        _ kept: [PerturbationIndex],
        _ running: [PerturbationIndex],
        _ rows: [UInt32: FinishedRow]
    ) -> [[OfferedRow]] {
        let finished = kept.compactMap { perturbation in
            rows[perturbation.rawValue].map { row in
                OfferedRow(
                    perturbation: perturbation.rawValue,
                    digest: Bytes16(high: row.digest.high, low: row.digest.low)
                )
            }
        }
        let unfinished = running.map { OfferedRow(perturbation: $0.rawValue, digest: nil) }
        let parts = (finished + unfinished).parts(of: ProtocolLimits.offeredRows)
        return parts.isEmpty ? [[]] : parts
    }
}
