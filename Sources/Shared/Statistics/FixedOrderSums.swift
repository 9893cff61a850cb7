/// Sums whose additions happen in one fixed order, whatever the machine or the number of threads.
///
/// Eight partial sums run over the elements in steps of eight and are then added pairwise. Eight
/// chains keep the adder busy; the shape depends on the length alone.
package enum FixedOrderSums {
    /// The sum of all elements; 0 for none.
    package static func sum(_ values: UnsafeBufferPointer<Double>) -> Double {
        var lanes = SIMD8<Double>(repeating: 0)
        let whole = values.count & ~7
        var index = 0
        while index < whole {
            lanes += load8(values, index)
            index += 8
        }
        var tail = SIMD8<Double>(repeating: 0)
        while index < values.count {
            tail[index - whole] = values[index]
            index += 1
        }
        return fold(lanes + tail)
    }

    /// The sum of all elements; 0 for none.
    package static func sum(_ values: [Double]) -> Double {
        values.withUnsafeBufferPointer { sum($0) }
    }

    /// The arithmetic mean; NaN for none.
    package static func mean(_ values: [Double]) -> Double {
        sum(values) / Double(values.count)
    }

    /// Adds eight lanes pairwise, in the one order used everywhere.
    @inline(__always)
    static func fold(_ lanes: SIMD8<Double>) -> Double {
        let four = lanes.lowHalf + lanes.highHalf
        let two = four.lowHalf + four.highHalf
        return two[0] + two[1]
    }

    /// Eight neighbouring elements, read without a check of the range.
    @inline(__always)
    static func load8(_ values: UnsafeBufferPointer<Double>, _ index: Int) -> SIMD8<Double> {
        UnsafeRawPointer(values.baseAddress.unsafelyUnwrapped + index)
            .loadUnaligned(as: SIMD8<Double>.self)
    }
}
