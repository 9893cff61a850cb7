internal import HDF5
internal import Synchronization

/// A stretch of stored elements as it came from the file; decoded once, by whoever needs it first.
final class StoredElements: Sendable {
    private let stored: PooledBuffer
    private let storedByteCount: Int
    private let mask: UInt32
    private let filters: ChunkFilters?
    private let decoded = Mutex<Result<PooledBuffer, ChunkDamage>?>(nil)

    /// Elements that need no decoding.
    init(plain: PooledBuffer) {
        stored = plain
        storedByteCount = 0
        mask = 0
        filters = nil
    }

    /// A chunk with its filters still applied.
    init(chunk: PooledBuffer, byteCount: Int, mask: UInt32, filters: ChunkFilters) {
        stored = chunk
        storedByteCount = byteCount
        self.mask = mask
        self.filters = filters
    }

    /// The elements' bytes.
    ///
    /// The first caller decodes while others who need the same elements wait.
    func bytes() throws(ChunkDamage) -> UnsafeRawBufferPointer {
        guard let filters else { return UnsafeRawBufferPointer(stored.bytes) }
        let buffer = decoded.withLock { decoded -> Result<PooledBuffer, ChunkDamage> in
            if let decoded { return decoded }
            let result: Result<PooledBuffer, ChunkDamage> = Result {
                () throws(ChunkDamage) -> PooledBuffer in
                try filters.decode(stored, count: storedByteCount, mask: mask)
            }
            decoded = result
            return result
        }
        return UnsafeRawBufferPointer(try buffer.get().bytes)
    }
}

/// Elements `first ..< first + count` of a stretch of stored elements.
struct ElementPiece: Sendable {
    let elements: StoredElements
    /// Position of the first one within the stretch.
    let first: Int
    let count: Int
    /// Position of the stretch in the dataset, for error texts.
    let origin: [Int]
}
