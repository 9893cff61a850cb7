/// Shares out the bytes of rows that all workers together may have on the way to the coordinator.
///
/// A worker's credit is set when it joins: the usual amount, or half of what is left when many are
/// there, but never less than one row, because a worker that may send none is of no use. What is on
/// the way is thus at most the limit and one row for each worker beyond those that fit into it.
package struct CreditPool: Equatable, Sendable {
    private let limit: UInt64
    private let rowBytes: UInt64
    private let creditBytes: UInt64
    private var granted: [UInt64: UInt64] = [:]

    /// Bytes that all workers may have on the way now.
    package private(set) var grantedBytes: UInt64 = 0

    /// Makes a pool.
    ///
    /// - Parameters:
    ///   - limit: Bytes for all workers.
    ///   - rowBytes: Bytes of a row.
    ///   - creditBytes: What a worker gets as long as there is enough.
    package init(limit: UInt64, rowBytes: UInt64, creditBytes: UInt64) {
        self.limit = limit
        self.rowBytes = rowBytes
        self.creditBytes = creditBytes
    }

    /// Sets a worker's credit; the same again until it leaves.
    package mutating func open(_ worker: UInt64) -> UInt64 {
        if let credit = granted[worker] { return credit }
        let half = limit.subtractingOrZero(grantedBytes) / 2
        let credit = max(rowBytes, min(creditBytes, half))
        granted[worker] = credit
        grantedBytes += credit
        return credit
    }

    /// Takes a worker's credit back.
    package mutating func close(_ worker: UInt64) {
        grantedBytes -= granted.removeValue(forKey: worker) ?? 0
    }
}
