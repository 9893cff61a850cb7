/// How long a worker waits between attempts to connect: twice as long each time up to a limit, and
/// spread at random so that the workers of a cluster do not all come at once.
package struct ConnectBackoff: Sendable {
    /// The longest wait, milliseconds.
    package static let longest = 8000
    private static let first = 200

    private var next = Self.first

    /// The waits from the first on.
    package init() {}

    /// The next wait in milliseconds, between half and all of its limit.
    package mutating func nextMilliseconds() -> Int {
        var random = SystemRandomNumberGenerator()
        return nextMilliseconds(using: &random)
    }

    /// The next wait in milliseconds, with a random source of the caller's.
    package mutating func nextMilliseconds(using random: inout some RandomNumberGenerator) -> Int {
        defer { next = min(next * 2, Self.longest) }
        return Int.random(in: next / 2...next, using: &random)
    }
}
