/// Every maximum of the protocol, in one place.
///
/// The list and text limits are chosen so that the largest valid control message fits into
/// ``controlBodyBytes``.
package enum ProtocolLimits {
    /// Bytes before a frame's body: body length and kind.
    package static let frameHeaderBytes = 5
    /// Largest body of a control frame, in bytes.
    package static let controlBodyBytes = 64 << 10
    /// Largest body of a control frame that a worker may send before it was welcomed, in bytes.
    package static let greetingBodyBytes = 4 << 10
    /// Largest payload of one resource chunk or row chunk, in bytes.
    package static let chunkPayloadBytes = 1 << 20
    /// Bytes between a resource chunk's frame header and its payload.
    package static let resourceChunkHeaderBytes = 16
    /// Bytes between a row chunk's frame header and its payload.
    package static let rowChunkHeaderBytes = 44

    /// Longest build string, in UTF-8 bytes.
    package static let buildBytes = 128
    /// Longest host name, in UTF-8 bytes.
    package static let hostBytes = 255
    /// Longest method name, in UTF-8 bytes.
    package static let methodBytes = 64
    /// Longest resource name, in bytes.
    package static let resourceNameBytes = 64
    /// Longest free text (reasons, descriptions), in UTF-8 bytes; senders cut longer ones.
    package static let textBytes = 2048
    /// Longest options document, in UTF-8 bytes.
    package static let optionsBytes = 32 << 10

    /// Most resources that a welcome names.
    package static let resources = 256
    /// Most perturbations in one lease.
    package static let leasedPerturbations = 512
    /// Most rows that one message offers.
    package static let offeredRows = 1024
    /// Most perturbations that one message reports as durable.
    package static let durablePerturbations = 8192
    /// Most perturbations that a heartbeat reports as running.
    package static let runningPerturbations = 4096
    /// Most requests that one worker may have unanswered.
    package static let openRequests: Int = 16

    /// Most threads of one worker.
    package static let threads: UInt32 = 65_536
    /// Most memory of one worker, in bytes.
    package static let memoryBytes: UInt64 = 1 << 50
    /// Largest resource, in bytes.
    package static let resourceBytes: UInt64 = 1 << 40
    /// Largest row, in bytes.
    package static let rowBytes: UInt64 = 1 << 30
    /// Largest row credit, in bytes.
    package static let rowCreditBytes: UInt64 = 1 << 40
    /// Most genes.
    package static let genes: UInt32 = 1 << 24
    /// Longest heartbeat interval or silence limit, in milliseconds.
    package static let intervalMilliseconds: UInt32 = 3_600_000
}
