import CountBlocks
import Digests
import Foundation
import NIOCore
import WireProtocol

/// What libFuzzer calls with every input; `scripts/fuzz.sh` builds and runs it.
///
/// `CRISPYX_FUZZ_TARGET` chooses the parser. A trap, an access outside of memory and a broken
/// promise end the process, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    FuzzTarget.chosen.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}

/// A parser of bytes from elsewhere.
private enum FuzzTarget: String {
    case workerFrames = "worker-frames"
    case coordinatorFrames = "coordinator-frames"
    case segments

    static let chosen =
        ProcessInfo.processInfo.environment["CRISPYX_FUZZ_TARGET"]
        .flatMap { FuzzTarget(rawValue: $0) } ?? .workerFrames

    func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .workerFrames: Self.decode(bytes, FrameDecoder<WorkerMessage>())
        case .coordinatorFrames: Self.decode(bytes, FrameDecoder<CoordinatorMessage>())
        case .segments: Self.decodeSegments(bytes)
        }
    }

    /// The first bit of the input says whether the conversation is open already.
    private static func decode<Message: WireMessage>(
        _ bytes: UnsafeRawBufferPointer,
        _ decoder: FrameDecoder<Message>
    ) {
        guard let first = bytes.first else { return }
        var decoder = decoder
        if first & 1 == 1 { decoder.open() }
        var input = ByteBuffer(bytes: bytes.dropFirst())
        do throws(WireProtocolError) {
            while let message = try decoder.next(from: &input) {
                precondition((try? message.encoded()) != nil, "what is taken can be sent again")
            }
        } catch {
            precondition(!error.description.isEmpty)
        }
    }

    /// A segment with the digest that its content has, of as many genes as it says, within reason.
    private static func decodeSegments(_ bytes: UnsafeRawBufferPointer) {
        let headerBytes = 48
        guard bytes.count >= headerBytes else { return }
        let kind = SegmentHeader.Kind(rawValue: UInt16(bytes[10])) ?? .integerCounts
        let genes = Int(bytes[12]) | Int(bytes[13]) << 8
        var segment = DecodedSegment()
        var resealed = Array(bytes)
        // A length that is right, so that what is behind it is reached whatever was cut or added.
        let cells = resealed[16..<20].reversed().reduce(0) { $0 << 8 | Int($1) }
        let payload = headerBytes + 8 * cells
        guard payload <= resealed.count else { return }
        withUnsafeBytes(of: UInt64(resealed.count - payload).littleEndian) {
            resealed.replaceSubrange(24..<32, with: $0)
        }
        let digester = Digester()
        resealed.withUnsafeBytes { bytes in
            digester.update(UnsafeRawBufferPointer(rebasing: bytes[..<32]))
            digester.update(UnsafeRawBufferPointer(rebasing: bytes[headerBytes..<payload]))
            digester.update(Digest128(of: UnsafeRawBufferPointer(rebasing: bytes[payload...])))
        }
        resealed.replaceSubrange(32..<headerBytes, with: digester.finish().bytes)
        resealed.withUnsafeBytes { try? segment.decode(bytes: $0, geneCount: genes, kind: kind) }
    }
}
