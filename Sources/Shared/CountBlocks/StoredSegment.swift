internal import Digests

/// A sealed segment and where its bytes are.
struct StoredSegment: Sendable {
    /// Consecutive bytes of a segment.
    enum Piece: Sendable {
        case memory([UInt8])
        case file(offset: Int, count: Int)

        var count: Int {
            switch self {
            case .memory(let bytes): bytes.count
            case .file(_, let count): count
            }
        }

        var memoryByteCount: Int {
            switch self {
            case .memory(let bytes): bytes.count
            case .file: 0
            }
        }
    }

    let group: Int
    let cellCount: Int
    let nonzeroCount: Int
    let byteCount: Int
    let digest: Digest128

    /// The bytes in order, header first.
    var pieces: [Piece]

    var memoryByteCount: Int {
        pieces.reduce(0) { $0 + $1.memoryByteCount }
    }
}
