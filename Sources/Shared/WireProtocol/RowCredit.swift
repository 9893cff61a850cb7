/// Counts the row bytes that a worker may still send.
///
/// Both ends keep one: the worker to know when to wait, the coordinator to know when it is cheated.
package struct RowCredit: Equatable, Sendable {
    /// Credit of a worker that has sent nothing, in bytes.
    package let limit: UInt64

    /// Credit that is left, in bytes.
    package private(set) var available: UInt64

    /// Makes a full account of `limit` bytes.
    package init(limit: UInt64) {
        self.limit = limit
        available = limit
    }

    /// Takes the bytes of a row or chunk.
    ///
    /// - Throws: ``WireProtocolError/rowCreditExceeded(bytes:available:)``; nothing is taken then.
    package mutating func spend(_ bytes: UInt64) throws(WireProtocolError) {
        guard bytes <= available else {
            throw .rowCreditExceeded(bytes: bytes, available: available)
        }
        available -= bytes
    }

    /// Gives bytes back, never above the limit.
    package mutating func restore(_ bytes: UInt64) {
        available += min(bytes, limit - available)
    }
}
