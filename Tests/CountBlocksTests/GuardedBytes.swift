import Glibc

/// A copy of some bytes with unreadable memory right behind them: reading too far is a crash.
final class GuardedBytes {
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private let usableBytes: Int

    /// Makes room for up to `capacity` bytes.
    init(capacity: Int) throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        usableBytes = (capacity + page - 1) / page * page
        mappedBytes = usableBytes + page
        let mapping = mmap(
            nil,
            mappedBytes,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS,
            -1,
            0
        )
        guard let mapping, mapping != MAP_FAILED,
            mprotect(mapping + usableBytes, page, PROT_NONE) == 0
        else { throw GuardError.noMapping(errno) }
        self.mapping = mapping
    }

    deinit {
        munmap(mapping, mappedBytes)
    }

    /// Lends a copy of `bytes` that ends at the unreadable memory.
    func withCopy<Result>(
        of bytes: some Collection<UInt8>,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let target = UnsafeMutableRawBufferPointer(
            start: mapping + (usableBytes - bytes.count),
            count: bytes.count
        )
        target.copyBytes(from: bytes)
        return try body(UnsafeRawBufferPointer(target))
    }
}

enum GuardError: Error {
    case noMapping(Int32)
}
