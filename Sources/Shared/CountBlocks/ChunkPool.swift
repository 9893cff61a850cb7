/// Pieces of memory of one size, handed out and taken back.
///
/// Belongs to one thread at a time.
final class ChunkPool {
    /// Size of a chunk in bytes.
    let chunkBytes: Int

    private var free: [UnsafeMutableRawPointer] = []

    /// Chunks that are handed out.
    private(set) var usedCount = 0

    init(chunkBytes: Int) {
        self.chunkBytes = chunkBytes
    }

    deinit {
        releaseFree(keeping: 0)
    }

    /// Bytes of the chunks that are handed out.
    var usedBytes: Int { usedCount * chunkBytes }

    /// Hands out a chunk, which must come back.
    func take() -> UnsafeMutableRawPointer {
        usedCount += 1
        return free.popLast() ?? .allocate(byteCount: chunkBytes, alignment: 16)
    }

    /// Takes chunks back.
    func giveBack(_ chunks: [UnsafeMutableRawPointer]) {
        usedCount -= chunks.count
        free.append(contentsOf: chunks)
    }

    /// Returns free memory to the system until at most `bytes` of it are left.
    func releaseFree(keeping bytes: Int) {
        let kept = min(free.count, bytes / chunkBytes)
        for chunk in free[kept...] {
            chunk.deallocate()
        }
        free.removeSubrange(kept...)
    }
}
