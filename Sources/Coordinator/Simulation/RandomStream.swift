import Statistics

/// Reproducible random numbers: SplitMix64 (Steele, Lea and Flood 2014, *Fast splittable
/// pseudorandom number generators*, OOPSLA), a counter whose values are scrambled.
///
/// Because the n-th number is a function of key and n alone, any part of a screen can be drawn by
/// itself. The same key gives the same numbers on every machine.
package struct RandomStream: Sendable {
    private static let increment: UInt64 = 0x9e37_79b9_7f4a_7c15

    private var counter: UInt64
    private var spareNormal: Double?

    /// A stream of its own for each pair of seed and purpose.
    package init(seed: UInt64, purpose: UInt64) {
        counter = Self.scramble(Self.scramble(seed &+ Self.increment) &+ purpose)
    }

    /// A random 64-bit number that depends on `key` and `position` alone.
    ///
    /// With a seed as key these are the numbers of SplitMix64 in their order.
    @inline(__always)
    package static func bits(key: UInt64, position: UInt64) -> UInt64 {
        scramble(key &+ (position &+ 1) &* increment)
    }

    /// The number in [0, 1) that 53 of the given bits stand for.
    @inline(__always)
    static func unit(_ bits: UInt64) -> Double { Double(Int64(bits &>> 11)) * 0x1p-53 }

    @inline(__always)
    private static func scramble(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }

    /// 64 random bits.
    package mutating func next() -> UInt64 {
        counter &+= Self.increment
        return Self.scramble(counter)
    }

    /// A number that is uniform in [0, 1).
    package mutating func unit() -> Double { Self.unit(next()) }

    /// A whole number that is uniform from 0 to `bound` - 1.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "no number is below 0")
        let bound = UInt64(bound)
        // Numbers above the last multiple of the bound would favour small results.
        let limit = UInt64.max - UInt64.max % bound
        while true {
            let value = next()
            if value < limit { return Int(value % bound) }
        }
    }

    /// A standard normal number, by the polar method (Marsaglia and Bray 1964, *SIAM Review* 6,
    /// 260-264).
    package mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        while true {
            let x = 2 * unit() - 1
            let y = 2 * unit() - 1
            let square = x * x + y * y
            guard square > 0, square < 1 else { continue }
            let scale = (-2 * RealFunctions.log(square) / square).squareRoot()
            spareNormal = y * scale
            return x * scale
        }
    }

    /// Puts the elements in random order (Durstenfeld 1964, *Communications of the ACM* 7, 420).
    package mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, below(last + 1))
        }
    }
}
