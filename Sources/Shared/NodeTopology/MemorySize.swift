/// An amount of memory as people write it on a command line: `8G`, `512M`, `8GiB`, `1.5G`,
/// `1048576`.
///
/// `K`, `M`, `G`, `T`, `P` and `KiB`, `MiB`, ... are powers of 1024, as in Slurm, Docker and
/// systemd; `KB`, `MB`, `GB`, ... are powers of 1000; nothing or `B` is bytes. Case does not
/// matter.
package struct MemorySize: Equatable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The amount in bytes, at least 1.
    package let bytes: Int

    /// Makes a size of so many bytes, at least 1.
    package init(bytes: Int) {
        precondition(bytes > 0, "a memory size is at least one byte")
        self.bytes = bytes
    }

    /// Reads a size; a fraction of a byte is dropped.
    ///
    /// - Parameter text: A decimal number, at most one `.`, then an optional unit; spaces around
    ///   either are allowed, signs and exponents are not.
    /// - Throws: `NodeTopologyError.malformedMemorySize` or `.memorySizeOutOfRange`.
    package init(parsing text: String) throws(NodeTopologyError) {
        let trimmed = text.drop(while: \.isWhitespace)
        let number = trimmed.prefix { ("0"..."9").contains($0) || $0 == "." }
        let unit = trimmed.dropFirst(number.count).filter { !$0.isWhitespace }.lowercased()
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let scale = Self.unitBytes[unit], parts.count <= 2,
            parts.contains(where: { !$0.isEmpty })
        else {
            throw .malformedMemorySize(text: text)
        }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard let bytes = Self.product(whole: parts[0], fraction: fraction, scale: scale),
            bytes > 0
        else {
            throw .memorySizeOutOfRange(text: text)
        }
        self.bytes = bytes
    }

    /// The size in the largest binary unit that keeps it at 1 or more, with one decimal if needed.
    ///
    /// Rounded to the nearest tenth: `1.5 GiB`, `512 MiB`, `999 B`. What this returns can be
    /// parsed.
    package var description: String {
        let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var unitIndex = 0
        while unitIndex + 1 < names.count, bytes >> (10 * (unitIndex + 1)) > 0 {
            unitIndex += 1
        }
        var tenths = Self.roundedTenths(bytes, shift: 10 * unitIndex)
        if tenths >= 10240, unitIndex + 1 < names.count {
            unitIndex += 1
            tenths = Self.roundedTenths(bytes, shift: 10 * unitIndex)
        }
        let (whole, tenth) = tenths.quotientAndRemainder(dividingBy: 10)
        return (tenth == 0 ? "\(whole)" : "\(whole).\(tenth)") + " " + names[unitIndex]
    }

    package static func < (left: MemorySize, right: MemorySize) -> Bool {
        left.bytes < right.bytes
    }

    private static let unitBytes: [String: Int] = {
        var units = ["": 1, "b": 1]
        var binary = 1
        var decimal = 1
        for prefix in ["k", "m", "g", "t", "p"] {
            binary *= 1024
            decimal *= 1000
            units[prefix] = binary
            units[prefix + "ib"] = binary
            units[prefix + "b"] = decimal
        }
        return units
    }()

    /// `whole.fraction` times `scale`, nil when that does not fit; both parts hold digits or
    /// nothing.
    private static func product(whole: Substring, fraction: Substring, scale: Int) -> Int? {
        guard let units = whole.isEmpty ? 0 : Int(whole) else { return nil }
        let (product, overflow) = units.multipliedReportingOverflow(by: scale)
        let part = fraction.isEmpty ? 0 : Double("0." + fraction) ?? 0
        let (sum, sumOverflow) = product.addingReportingOverflow(Int(part * Double(scale)))
        return overflow || sumOverflow ? nil : sum
    }

    private static func roundedTenths(_ bytes: Int, shift: Int) -> Int {
        guard shift > 0 else { return bytes * 10 }
        let whole = bytes >> shift
        let rest = bytes & ((1 << shift) - 1)
        // Fewer low bits keep ten times the remainder within 64 bits for the largest unit.
        let kept = max(0, shift - 20)
        let half = 1 << (shift - kept - 1)
        return whole * 10 + (((rest >> kept) * 10 + half) >> (shift - kept))
    }
}
