// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Whether bytes are plain text.
/// @notice Well-formed UTF-8 (Unicode, table 3-7) without control characters, so that every reader decodes the same.
library PlainText {
    uint256 private constant NEVER = type(uint256).max;

    /// @notice Whether `text` is 1 to `most` bytes of well-formed UTF-8 without U+0000..U+001F and U+007F..U+009F.
    /// @param text The bytes.
    /// @param most The most bytes it may have.
    /// @return Whether it is.
    function isPlainText(bytes calldata text, uint256 most) internal pure returns (bool) {
        if (text.length == 0 || text.length > most) return false;
        for (uint256 i = 0; i < text.length; ) {
            uint256 width = _width(uint8(text[i]), i + 1 < text.length ? uint8(text[i + 1]) : 0);
            if (width > text.length - i) return false;
            for (uint256 k = 1; k < width; ++k) {
                if (uint8(text[i + k]) >> 6 != 2) return false;
            }
            i += width;
        }
        return true;
    }

    /// @dev The bytes of a character that begins with these two; NEVER when none does that is allowed. The second byte
    /// rules out controls (C2), long forms (E0, F0), surrogates (ED) and what lies beyond U+10FFFF (F4).
    function _width(uint8 first, uint8 second) private pure returns (uint256) {
        if (first < 0x80) return first < 0x20 || first == 0x7f ? NEVER : 1;
        if (first < 0xc2 || first > 0xf4) return NEVER;
        if (first < 0xe0) return first == 0xc2 && second < 0xa0 ? NEVER : 2;
        if (first < 0xf0) {
            bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
            return wrong ? NEVER : 3;
        }
        bool outside = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
        return outside ? NEVER : 4;
    }
}
