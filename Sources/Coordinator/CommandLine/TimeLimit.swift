import ArgumentParser

/// A time on the command line: `90`, `90s`, `30m` or `2h`.
package struct TimeLimit: Equatable, Sendable {
    /// The time in seconds, at least 1.
    package let seconds: Int

    /// A time of so many seconds.
    package init(seconds: Int) { self.seconds = seconds }
}

extension TimeLimit: ExpressibleByArgument, CustomStringConvertible {
    /// The longest time that can be asked for, a year.
    private static let longest = 365 * 86_400

    /// Reads a time; nil for anything else, for less than a second and for more than a year.
    package init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
        let unit = argument.last.flatMap { units[$0] }
        let digits = unit == nil ? Substring(argument) : argument.dropLast()
        guard let number = UInt32(digits), digits.allSatisfy(\.isNumber) else { return nil }
        let (seconds, overflow) = Int(number).multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, 1...Self.longest ~= seconds else { return nil }
        self.seconds = seconds
    }

    /// The time as it could be written.
    package var description: String {
        seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}
